/*
 * watch_folders.h: what happens beneath a folder, by inotify.
 *
 * Follows the tree as folders come, go and move, and tells of every `.rn` file. Names that begin
 * with a dot or `#`, and names with control bytes or without UTF-8, are not told. Links are not
 * followed: folders and files are opened beneath the root's descriptor. When the kernel's queue has
 * overflowed, or the root itself was moved away, everything is looked at again. A link in the root's own
 * name is followed when it is opened, and not watched.
 *
 * One thread at a time.
 */
#ifndef RN_SUPERVISOR_WATCH_FOLDERS_H
#define RN_SUPERVISOR_WATCH_FOLDERS_H

#include "base/error.h"

#define RN_FOLDERS_MAX 4096u
#define RN_FOLDER_DEPTH_MAX 32u
#define RN_FOLDER_PATH_MAX 4096u

enum rn_news {
    RN_NEWS_SAVED,   /* a file is there, whole: closed by its writer, or moved here */
    RN_NEWS_SEEN,    /* a file was found by looking; somebody may be writing to it */
    RN_NEWS_WRITTEN, /* bytes of it changed; its writer has not closed it yet */
    RN_NEWS_GONE,    /* a file, or a folder with all that is in it, was deleted or moved away */
    RN_NEWS_LOST,    /* whatever was told may be out of date; SEEN follows for all that is there */
};

/* `path`: relative to the root, "shop/prices.rn"; "" for LOST. False: no more of it, ever. */
typedef bool (*rn_news_fn)(void *user, enum rn_news news, const char *path);

struct rn_folders;

/* Opens and tells SEEN for all that is there. NOT_FOUND, SYSTEM (errno), TOO_LARGE, NO_MEMORY. */
enum rn_error rn_folders_new(const char *root, rn_news_fn fn, void *user,
                             struct rn_folders **out_folders) RN_MUST_CHECK;
/* Accepts NULL. */
void rn_folders_free(struct rn_folders *folders);

/* Polls readable when there is news; another one after each rn_folders_read. */
int rn_folders_fd(const struct rn_folders *folders);
/* The root; -1 while it is not there. */
int rn_folders_root(const struct rn_folders *folders);
/* Its name, and why it is not there: an errno, or 0. */
const char *rn_folders_name(const struct rn_folders *folders);
int rn_folders_missing(const struct rn_folders *folders);
/* When something within is to be opened for which the machine had no room: rn_folders_read does it then; 0: nothing is. */
uint64_t rn_folders_again_ns(const struct rn_folders *folders);
/* True: what is watched has been deleted, of which the kernel does not tell while it is open. */
bool rn_folders_is_deleted(const struct rn_folders *folders);
/* Tells what has happened since the last time, without waiting. While the root is not there it is
 * looked for. */
void rn_folders_read(struct rn_folders *folders);
/* Beyond repair by single steps, or when somebody asks for it: tells LOST, opens the root by its name,
 * which may lead to another folder by now, and tells all that is there. */
void rn_folders_look_again(struct rn_folders *folders);

#endif

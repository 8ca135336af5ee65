/* option_value.c: a row for each option whose value is not just any text. */
#include "cli/option_value.h"

#include "cli/console.h"
#include "cli/quantity.h"

#include <stdio.h>
#include <string.h>

/* What it is, for people: "--top: x is not {a number such as 20}". */
struct form {
    enum rn_option option;
    enum rn_quantity quantity;
    uint64_t most;     /* 0: any */
    const char *other; /* a word that stands beside the numbers, or NULL */
    bool zero;         /* may be 0 */
    const char *what;
};

static const struct form forms[] = {
    {RN_OPTION_BUDGET, RN_QUANTITY_COUNT, 0, NULL, false, "a number such as 500M"},
    {RN_OPTION_WALL, RN_QUANTITY_TIME, 0, NULL, false, "a time such as 2s"},
    {RN_OPTION_CPU, RN_QUANTITY_TIME, 0, NULL, false, "a time such as 2s"},
    {RN_OPTION_MEMORY, RN_QUANTITY_SIZE, 0, NULL, false, "a size such as 64M"},
    {RN_OPTION_OUTPUT, RN_QUANTITY_SIZE, 0, NULL, false, "a size such as 64M"},
    {RN_OPTION_DEPTH, RN_QUANTITY_COUNT, 0, NULL, false, "a number such as 500M"},
    {RN_OPTION_HOST_CALLS, RN_QUANTITY_COUNT, 0, NULL, true, "a number such as 500M"},
    {RN_OPTION_SEED, RN_QUANTITY_COUNT, 0, NULL, true, "a number"},
    {RN_OPTION_BUILD_WALL, RN_QUANTITY_TIME, 0, NULL, true, "a time such as 2s"},
    {RN_OPTION_WARMUP, RN_QUANTITY_TIME, 0, NULL, true, "a time such as 2s"},
    {RN_OPTION_ITER, RN_QUANTITY_TIME, 0, NULL, true, "a time such as 2s"},
    {RN_OPTION_DRAIN, RN_QUANTITY_TIME, 0, NULL, true, "a time such as 10s"},
    {RN_OPTION_TOP, RN_QUANTITY_COUNT, 0, NULL, true, "a number such as 20"},
    {RN_OPTION_WORKERS, RN_QUANTITY_COUNT, RN_WORKERS_MAX, NULL, true, "a number up to 256"},
    {RN_OPTION_INDENT, RN_QUANTITY_COUNT, RN_INDENT_MAX, "tab", false,
     "a number from 1 to 16, or tab"},
};

static bool check_form(const struct form *form, const char *value, char why[RN_OPTION_WHY_MAX])
{
    uint64_t number = 0;
    const char *name = rn_option_info(form->option)->name;
    if (form->other != NULL && strcmp(value, form->other) == 0) {
        return true;
    }
    bool read = rn_quantity_parse(value, form->quantity, &number) &&
                (form->most == 0 || number <= form->most);
    bool zero = read && number == 0 && !form->zero;
    if (zero && form->most == 0) {
        snprintf(why, RN_OPTION_WHY_MAX, "--%s cannot be %s", name, value);
    } else if (!read || zero) {
        snprintf(why, RN_OPTION_WHY_MAX, "--%s: %s is not %s", name, value, form->what);
    }
    return read && !zero;
}

/* ---- Words to choose from ---- */

/* "text|json|jsonl", and no place for anything else: of other options the words stand for what is to be there. */
static bool is_choice(const char *words)
{
    return words != NULL && strchr(words, '|') != NULL &&
           strspn(words, "abcdefghijklmnopqrstuvwxyz_|") == strlen(words);
}

static bool is_word_of(const char *words, const char *value)
{
    size_t size = strlen(value);
    for (const char *at = words; at != NULL; at = strchr(at, '|')) {
        at += *at == '|';
        if (strcspn(at, "|") == size && memcmp(at, value, size) == 0) {
            return true;
        }
    }
    return false;
}

/* "text, json or jsonl" */
static void name_choices(const char *words, char *room, size_t size)
{
    const char *last = strrchr(words, '|');
    size_t at = 0;
    for (const char *p = words; *p != '\0' && at + 5 < size; p++) {
        if (*p == '|') {
            at += (size_t)snprintf(room + at, size - at, "%s", p == last ? " or " : ", ");
        } else {
            room[at++] = *p;
        }
    }
    room[at] = '\0';
}

static bool check_choice(const struct rn_option_info *info, const char *value,
                         char why[RN_OPTION_WHY_MAX])
{
    char words[128];
    if (is_word_of(info->value, value)) {
        return true;
    }
    name_choices(info->value, words, sizeof words);
    snprintf(why, RN_OPTION_WHY_MAX, "--%s is %s", info->name, words);
    return false;
}

/* "tap", "junit=FILE" */
static bool check_report(const char *value, char why[RN_OPTION_WHY_MAX])
{
    size_t size = strcspn(value, "=");
    bool known = (size == 3 && memcmp(value, "tap", 3) == 0) ||
                 (size == 5 && memcmp(value, "junit", 5) == 0);
    bool good = known && strcmp(value + size, "=") != 0;
    if (!good) {
        snprintf(why, RN_OPTION_WHY_MAX, "--report: %s is not tap, junit, tap=FILE or junit=FILE",
                 value);
    }
    return good;
}

/* ---- All of them ---- */

bool rn_option_check(enum rn_option option, const char *value, char why[RN_OPTION_WHY_MAX])
{
    const struct rn_option_info *info = rn_option_info(option);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (forms[i].option == option) {
            return check_form(&forms[i], value, why);
        }
    }
    if (option == RN_OPTION_REPORT) {
        return check_report(value, why);
    }
    return !is_choice(info->value) || check_choice(info, value, why);
}

bool rn_option_is_good(enum rn_option option, const char *value)
{
    char why[RN_OPTION_WHY_MAX];
    bool good = rn_option_check(option, value, why);
    if (!good) {
        rn_console_complain("%s", why);
    }
    return good;
}

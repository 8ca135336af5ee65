/* error.c: names and messages of the error codes, expanded from errors.def. */
#include "base/error.h"

const char *rn_error_name(enum rn_error error)
{
    switch (error) {
    case RN_OK:
        return "OK";
#define RN_ERROR(name, code, message)                                                              \
    case RN_E_##name:                                                                              \
        return #name;
#include "base/errors.def"
#undef RN_ERROR
    }
    return "UNKNOWN";
}

const char *rn_error_message(enum rn_error error)
{
    switch (error) {
    case RN_OK:
        return "success";
#define RN_ERROR(name, code, message)                                                              \
    case RN_E_##name:                                                                              \
        return message;
#include "base/errors.def"
#undef RN_ERROR
    }
    return "unknown error";
}

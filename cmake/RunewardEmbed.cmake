# RunewardEmbed.cmake: -D INPUT=file -D OUTPUT=header -D NAME=name -P: the bytes of a file as a constant array.
file(READ ${INPUT} bytes HEX)
string(LENGTH "${bytes}" size)
math(EXPR size "${size} / 2")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
string(REGEX REPLACE "((0x..,){20})" "\\1\n" bytes "${bytes}")
file(WRITE ${OUTPUT} "/* Made by the build. */
#include <stdint.h>
_Alignas(8) static const uint8_t ${NAME}[${size}] = {
${bytes}
};
")

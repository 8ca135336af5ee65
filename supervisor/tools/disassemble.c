/* disassemble.c: listings of Units. */
#include <runeward/tools.h>

rune_status rune_tools_disassemble(const rune_unit *unit, rune_text **out_text, rune_error **error)
{
    (void)unit;
    (void)out_text;
    (void)error;
    return RUNE_E_UNSUPPORTED;
}

/*
 * wall_page.h: the state of the wall as one HTML page that needs nothing else: `runeward policy report
 * --html`.
 */
#ifndef RN_CLI_WALL_PAGE_H
#define RN_CLI_WALL_PAGE_H

#include <runeward/runeward.h>

/*
 * Writes the page to standard output. `report`: of rune_supervisor_report; `policy`: of rune_tools_policy.
 * False: no memory.
 */
bool rn_wall_page(const rune_const_value *report, const rune_const_value *policy);

#endif

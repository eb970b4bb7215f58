/*
 * Crash laboratory: the program that tests the format as it is
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "sabotage.h"

bool sabotage_begin(const char *name)
{
    return false;
}

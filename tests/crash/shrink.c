/*
 * Crash laboratory: leave steps out of a case, many at once first, as
 * long as it goes wrong
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "lab.h"

/*
 * Whether @c still goes wrong, and in the way that @violation describes: what
 * comes before the first number in it
 */
static bool goes_wrong(const Case *c, const LabEffort *effort,
                       const char *violation)
{
    LabStats stats = { .images = 0 };
    g_autofree char *again = lab_run(c, effort, &stats);

    return again && !strncmp(again, violation,
                             strcspn(violation, "0123456789:"));
}

static bool shrink_by(Case *c, unsigned n, const LabEffort *effort,
                      const char *violation)
{
    bool shrunk = false;
    unsigned i = c->steps->len;

    while (i > 0) {
        Case *less = case_copy(c);
        unsigned first = i > n ? i - n : 0;

        g_array_remove_range(less->steps, first, i - first);
        if (goes_wrong(less, effort, violation)) {
            g_array_set_size(c->steps, 0);
            g_array_append_vals(c->steps, less->steps->data, less->steps->len);
            shrunk = true;
        }
        case_free(less);
        i = first;
    }
    return shrunk;
}

/* Writes of one granule are the smallest */
static void shrink_lengths(Case *c, const LabEffort *effort,
                           const char *violation)
{
    unsigned i;

    for (i = 0; i < c->steps->len; i++) {
        Step *s = &g_array_index(c->steps, Step, i);
        unsigned length = s->arg[1];

        if (s->kind <= STEP_APPEND && length > 1) {
            s->arg[1] = 1;
            if (!goes_wrong(c, effort, violation)) {
                s->arg[1] = length;
            }
        }
    }
}

Case *lab_shrink(const Case *c, const LabEffort *effort, const char *violation)
{
    LabEffort all = *effort;
    Case *small = case_copy(c);
    unsigned n;

    all.all = true;
    for (n = c->steps->len / 2; n > 0; n /= 2) {
        shrink_by(small, n, effort, violation);
    }
    while (shrink_by(small, 1, &all, violation)) {
        /* again */
    }
    shrink_lengths(small, &all, violation);
    return small;
}

/*
 * Crash laboratory: a case, which is an image's geometry and what is done to
 * it, step by step; as text it can be kept and replayed
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_CRASH_CASE_H
#define TESTS_CRASH_CASE_H

#include "block/zone-set.h"
#include "random.h"

/*
 * What can be done.  Units are write granules; @zone is the zone's number.
 *
 * Requests begin when their step comes, and end when the medium has been told
 * to complete all that they wait for.
 */
typedef enum StepKind {
    STEP_WRITE,         /* zone, length, start (in a conventional zone) */
    STEP_ZEROES,        /* the same */
    STEP_APPEND,        /* zone, length */
    STEP_OPEN,          /* zone */
    STEP_CLOSE,         /* zone */
    STEP_FINISH,        /* zone */
    STEP_RESET,         /* zone */
    STEP_RESET_ALL,
    STEP_FLUSH,
    STEP_COMPLETE,      /* which of the requests that the medium holds */
    STEP_DRAIN,         /* complete all, in order */
    STEP_REOPEN,        /* drain, close the image, open it again */
    STEP_KILL,          /* kill QEMU, open the image again; seed */
    STEP_CUT,           /* cut the power, open the image again; seed */
    STEP__MAX,
} StepKind;

typedef struct Step {
    StepKind kind;
    unsigned arg[3];
} Step;

/*
 * @geometry: of the image
 * @readonly, @offline: zone that is so from the start; 0: none
 * @steps: Step
 */
typedef struct Case {
    ZoneGeometry geometry;
    unsigned readonly;
    unsigned offline;
    GArray *steps;
} Case;

Case *case_new(void);
void case_free(Case *c);
Case *case_copy(const Case *c);

/* A random one */
Case *case_generate(uint64_t seed);

/* Text, one step a line; and back */
char *case_print(const Case *c);
Case *case_parse(const char *text, Error **errp);

static inline const Step *case_step(const Case *c, unsigned i)
{
    return &g_array_index(c->steps, Step, i);
}

const char *step_name(StepKind kind);

#endif /* TESTS_CRASH_CASE_H */

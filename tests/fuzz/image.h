/*
 * Fuzzing: make an image of the zoned format out of a fuzzer's input
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_FUZZ_IMAGE_H
#define TESTS_FUZZ_IMAGE_H

#include "block/zoned-layout.h"
#include "memory.h"

/* What is left of the input */
typedef struct Input {
    const uint8_t *data;
    size_t size;
} Input;

/* All that is behind the end of the input is zero */
uint64_t input_take(Input *in, int bytes);

/*
 * Put an image on @m, which is empty.  @in begins with flags:
 *
 * IMAGE_RAW: all of the rest is the content of the file.  If not, a description
 *            of an image follows, and changes to its blocks.
 * IMAGE_SEAL: then all checksums are made right, so that what is behind them
 *             can be reached.
 * IMAGE_CUT: the file is a bit too short.
 * IMAGE_SUM: all datasums of roots are made right.
 * IMAGE_DELTAS: there is a root with deltas, whose datasums are wrong if there
 *               is data.
 */
#define IMAGE_RAW       0x01
#define IMAGE_SEAL      0x02
#define IMAGE_CUT       0x04
#define IMAGE_REPAIR    0x08 /* for the user of the image */
#define IMAGE_READONLY  0x10
#define IMAGE_SUM       0x20
#define IMAGE_DELTAS    0x40

/* Of all images that are made here; users of image_put() can take another */
#define IMAGE_KEY       0x123456789abcdefULL

uint8_t image_make(Memory *m, Input *in);

/* Put a new image on @m, which is empty */
void image_put(Memory *m, const ZonedHeader *h);

/* Whether an image of so many zones is too slow to be fuzzed */
bool image_is_huge(Memory *m);

#endif /* TESTS_FUZZ_IMAGE_H */

/*
 * Unit test: checksums of the data that is new in a zoned image
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <zlib.h>
#include "qemu/units.h"
#include "block/block_int.h"
#include "../../block/zoned-tally.h"

#define LIMIT (256 * KiB)

static uint8_t data[64 * KiB];

static uint32_t sum_of(uint64_t start, uint64_t end)
{
    return crc32(crc32(0, NULL, 0), data + start, end - start);
}

/* The data of @zone between @start and @end was written, and copied */
static void count(ZonedTally *t, uint32_t zone, uint64_t start, uint64_t end)
{
    uint32_t sum = sum_of(start, end);

    zoned_tally_count(t, zone, start, end, &sum);
}

static void assert_known(ZonedTally *t, uint32_t zone, uint64_t start,
                         uint64_t end)
{
    uint32_t sum = 0;

    g_assert(zoned_tally_find(t, zone, start, end, &sum));
    g_assert_cmphex(sum, ==, sum_of(start, end));
}

static void assert_unknown(ZonedTally *t, uint32_t zone, uint64_t start,
                           uint64_t end)
{
    uint32_t sum;

    g_assert(!zoned_tally_find(t, zone, start, end, &sum));
}

static void test_sums(void)
{
    ZonedTally t;

    zoned_tally_init(&t);
    assert_unknown(&t, 1, 0, 4096);
    count(&t, 1, 0, 4096);
    count(&t, 2, 512, 1024);
    count(&t, 1, 4096, 4608);
    count(&t, 1, 4608, 32 * KiB);
    assert_known(&t, 1, 0, 32 * KiB);
    assert_known(&t, 2, 512, 1024);

    /* Only the whole piece: its checksum is that of no other */
    assert_unknown(&t, 1, 0, 4608);
    assert_unknown(&t, 1, 4096, 32 * KiB);
    assert_unknown(&t, 2, 0, 1024);
    assert_unknown(&t, 3, 0, 0);
    zoned_tally_destroy(&t);
}

static void test_restart(void)
{
    ZonedTally t;

    zoned_tally_init(&t);
    count(&t, 1, 0, 4096);
    zoned_tally_restart(&t);
    assert_unknown(&t, 1, 0, 4096);
    count(&t, 1, 4096, 8192);
    assert_known(&t, 1, 4096, 8192);
    assert_unknown(&t, 1, 0, 8192);
    zoned_tally_destroy(&t);
}

/* What is not known ends what was known, and is not skipped */
static void test_unknown(void)
{
    ZonedTally t;

    zoned_tally_init(&t);
    count(&t, 1, 0, 4096);
    zoned_tally_count(&t, 1, 4096, 8192, NULL);
    assert_unknown(&t, 1, 0, 4096);
    assert_unknown(&t, 1, 0, 8192);
    count(&t, 1, 8192, 12288);
    assert_unknown(&t, 1, 0, 12288);
    assert_known(&t, 1, 8192, 12288);
    zoned_tally_destroy(&t);
}

/* A zone was reset, or its last writes were taken back: other data comes */
static void test_back(void)
{
    ZonedTally t;

    zoned_tally_init(&t);
    count(&t, 1, 4096, 8192);
    count(&t, 1, 8192, 16384);
    data[8192] ^= 1;
    count(&t, 1, 8192, 12288);
    assert_known(&t, 1, 8192, 12288);
    assert_unknown(&t, 1, 4096, 12288);
    count(&t, 1, 12288, 16384);
    assert_unknown(&t, 1, 4096, 16384);
    assert_known(&t, 1, 8192, 16384);
    zoned_tally_destroy(&t);
}

/* The room is bounded, in any order of writes and ends */
static void test_room(void)
{
    BlockDriverState bs = { .bl.opt_mem_alignment = 4096 };
    BdrvChild file = { .bs = &bs };
    ZonedTally t;
    uint8_t *first, *copy;
    int i;

    zoned_tally_init(&t);
    first = zoned_tally_copy(&t, &file, 512);
    memset(first, 1, 512);
    for (i = 1; i < LIMIT / 4096; i++) {
        copy = zoned_tally_copy(&t, &file, 512);
        g_assert(copy == first + i * 4096);
        memset(copy, 2, 512);
    }
    g_assert(!zoned_tally_copy(&t, &file, 512));

    /* The room is not used anew while one of them is on its way */
    zoned_tally_restart(&t);
    g_assert(!zoned_tally_copy(&t, &file, 512));
    while (--i) {
        zoned_tally_copy_done(&t);
    }
    g_assert(!zoned_tally_copy(&t, &file, 512));
    g_assert_cmpuint(first[511], ==, 1);
    zoned_tally_copy_done(&t);
    g_assert(!zoned_tally_copy(&t, &file, 512));

    zoned_tally_restart(&t);
    g_assert(zoned_tally_copy(&t, &file, LIMIT) == first);
    zoned_tally_copy_done(&t);
    zoned_tally_destroy(&t);
}

/* What follows more than a root proves is not copied until the next commit */
static void test_limit(void)
{
    BlockDriverState bs = { .bl.opt_mem_alignment = 4096 };
    BdrvChild file = { .bs = &bs };
    ZonedTally t;

    zoned_tally_init(&t);
    g_assert(zoned_tally_copy(&t, &file, LIMIT - 4096));
    zoned_tally_copy_done(&t);
    g_assert(!zoned_tally_copy(&t, &file, 8192));
    g_assert(!zoned_tally_copy(&t, &file, 4096));
    zoned_tally_restart(&t);
    g_assert(!zoned_tally_copy(&t, &file, LIMIT + 512));
    g_assert(!zoned_tally_copy(&t, &file, 512));
    zoned_tally_restart(&t);
    g_assert(zoned_tally_copy(&t, &file, 512));
    zoned_tally_copy_done(&t);
    zoned_tally_destroy(&t);
}

int main(int argc, char **argv)
{
    int i;

    g_test_init(&argc, &argv, NULL);
    for (i = 0; i < sizeof(data); i++) {
        data[i] = i * 7 + i / 251;
    }
    g_test_add_func("/zoned-tally/sums", test_sums);
    g_test_add_func("/zoned-tally/restart", test_restart);
    g_test_add_func("/zoned-tally/unknown", test_unknown);
    g_test_add_func("/zoned-tally/back", test_back);
    g_test_add_func("/zoned-tally/room", test_room);
    g_test_add_func("/zoned-tally/limit", test_limit);
    return g_test_run();
}

/*
 * The zoned image format: checksums of the data that is new
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <zlib.h>
#include "qemu/memalign.h"
#include "qemu/units.h"
#include "zoned-tally.h"

/*
 * The checksum of this much data takes about as long as a flush of a fast disk,
 * and is taken while the data is written.
 */
#define MAX_BYTES (256 * KiB)

/* Of copies, so that they can be written without the host's page cache */
#define ALIGNMENT 4096

/* The checksum @sum of the data of a zone between @start and @end */
typedef struct ZonedRun {
    uint64_t start;
    uint64_t end;
    uint32_t sum;
} ZonedRun;

void zoned_tally_init(ZonedTally *t)
{
    *t = (ZonedTally) {
        .runs = g_hash_table_new_full(NULL, NULL, NULL, g_free),
    };
}

void zoned_tally_destroy(ZonedTally *t)
{
    assert(t->nr_copies == 0);
    g_clear_pointer(&t->runs, g_hash_table_destroy);
    qemu_vfree(t->room);
    t->room = NULL;
}

uint8_t *zoned_tally_copy(ZonedTally *t, BdrvChild *file, uint64_t bytes)
{
    uint8_t *copy;

    if (bytes > MAX_BYTES - MAX(t->bytes, t->used)) {
        /* The next commit can prove nothing: no need to copy what follows */
        t->bytes = MAX_BYTES;
        return NULL;
    }
    if (!t->room) {
        t->room = qemu_blockalign(file->bs, MAX_BYTES);
    }
    copy = t->room + t->used;
    t->used += ROUND_UP(bytes, ALIGNMENT);
    t->bytes += bytes;
    t->nr_copies++;
    return copy;
}

void zoned_tally_copy_done(ZonedTally *t)
{
    assert(t->nr_copies);
    if (--t->nr_copies == 0) {
        t->used = 0;
    }
}

static ZonedRun *find_run(const ZonedTally *t, uint32_t zone)
{
    return g_hash_table_lookup(t->runs, GUINT_TO_POINTER(zone));
}

void zoned_tally_count(ZonedTally *t, uint32_t zone, uint64_t start,
                       uint64_t end, const uint32_t *sum)
{
    ZonedRun *run = find_run(t, zone);

    if (!sum) {
        g_hash_table_remove(t->runs, GUINT_TO_POINTER(zone));
        return;
    }
    if (run && run->end == start) {
        run->sum = crc32_combine(run->sum, *sum, end - start);
        run->end = end;
        return;
    }

    /* The first of the zone, or after its write pointer went back */
    run = g_new(ZonedRun, 1);
    *run = (ZonedRun) {
        .start = start,
        .end = end,
        .sum = *sum,
    };
    g_hash_table_insert(t->runs, GUINT_TO_POINTER(zone), run);
}

bool zoned_tally_find(const ZonedTally *t, uint32_t zone, uint64_t start,
                      uint64_t end, uint32_t *sum)
{
    ZonedRun *run = find_run(t, zone);

    if (!run || run->start != start || run->end != end) {
        return false;
    }
    *sum = run->sum;
    return true;
}

void zoned_tally_restart(ZonedTally *t)
{
    g_hash_table_remove_all(t->runs);
    t->bytes = 0;
}

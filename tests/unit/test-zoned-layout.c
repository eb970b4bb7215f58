/*
 * Unit tests for the blocks of a zoned image: what is written can be read
 * again, and what is damaged, torn or of another image is told from it.  What
 * headers say has tests of its own, in test-zoned-header.c.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "qemu/crc32c.h"
#include "qemu/cutils.h"
#include "qemu/units.h"
#include "block/block.h"
#include "zoned-layout-test.h"

#define SECTOR 512

/* Of the table of new_header() */
#define NR_BLOCKS 2

static ZonedRoot new_root(uint64_t generation)
{
    ZonedRoot r = {
        .generation = generation,
        .table_sum = 0x123456789abcdefULL ^ generation,
        .table_blocks = NR_BLOCKS,
        .clean = true,
    };

    r.second[0] = 0x5a ^ generation;
    return r;
}

/* Entries of a table that can be told from those of another @seed */
static void fill_entries(uint64_t *entries, uint32_t n, uint64_t seed)
{
    uint32_t i;

    for (i = 0; i < n; i++) {
        entries[i] = zoned_entry(BLK_ZS_CLOSED, (i + seed + 1) * 4096);
    }
}

/*
 * A kind of block of metadata: how to write version @version of it, and
 * whether @buf can be read.
 */
typedef struct BlockKind {
    const char *name;
    void (*encode)(const ZonedHeader *h, int version, uint8_t *buf);
    bool (*decode)(const ZonedHeader *h, const uint8_t *buf);
} BlockKind;

static void header_encode(const ZonedHeader *h, int version, uint8_t *buf)
{
    ZonedHeader changed = *h;

    changed.geometry.max_open_zones = version;
    zoned_header_encode(&changed, buf);
}

static bool header_decode(const ZonedHeader *h, const uint8_t *buf)
{
    Error *err = NULL;
    ZonedHeader got;
    int ret = zoned_header_decode(&got, buf, &err);

    g_assert((ret < 0) == (err != NULL));
    error_free(err);
    return ret == 0;
}

static void root_encode(const ZonedHeader *h, int version, uint8_t *buf)
{
    ZonedRoot r = new_root(version);

    zoned_root_encode(h, &r, buf);
}

static bool root_decode(const ZonedHeader *h, const uint8_t *buf)
{
    ZonedRoot r;

    return zoned_root_decode(h, &r, buf);
}

static void table_encode(const ZonedHeader *h, int version, uint8_t *buf)
{
    uint64_t entries[ZONED_ZONES_PER_BLOCK];

    fill_entries(entries, ZONED_ZONES_PER_BLOCK, version);
    zoned_table_encode(h, 0, entries, buf);
}

static bool table_decode(const ZonedHeader *h, const uint8_t *buf)
{
    uint64_t entries[ZONED_ZONES_PER_BLOCK];
    uint32_t sum;

    return zoned_table_decode(h, 0, entries, buf, &sum);
}

static const BlockKind kinds[] = {
    { "header", header_encode, header_decode },
    { "root", root_encode, root_decode },
    { "table", table_encode, table_decode },
};

/* Every single bit of a block counts, those that mean nothing included */
static void test_flipped_bit(const void *opaque)
{
    const BlockKind *kind = opaque;
    ZonedHeader h = new_header();
    uint8_t buf[ZONED_BLOCK_SIZE];
    int bit;

    kind->encode(&h, 1, buf);
    g_assert(kind->decode(&h, buf));
    for (bit = 0; bit < ZONED_BLOCK_SIZE * 8; bit++) {
        buf[bit / 8] ^= 1u << (bit % 8);
        g_assert(!kind->decode(&h, buf));
        buf[bit / 8] ^= 1u << (bit % 8);
    }
    g_assert(kind->decode(&h, buf));
}

static void test_lost_byte(const void *opaque)
{
    const BlockKind *kind = opaque;
    ZonedHeader h = new_header();
    uint8_t buf[ZONED_BLOCK_SIZE];
    int i;

    kind->encode(&h, 1, buf);
    for (i = 0; i < ZONED_BLOCK_SIZE; i++) {
        uint8_t old = buf[i];

        buf[i] = old ? 0 : 0xff;
        g_assert(!kind->decode(&h, buf));
        buf[i] = old;
    }
}

/*
 * A write that ends at any byte, or whose sectors arrive in the reverse
 * order, leaves the old block, the new one, or something that is neither.
 */
static void check_torn(const BlockKind *kind, const ZonedHeader *h,
                       const uint8_t *old, const uint8_t *new, bool new_is_good)
{
    uint8_t buf[ZONED_BLOCK_SIZE];
    int i;

    memcpy(buf, old, sizeof(buf));
    for (i = 0; i < ZONED_BLOCK_SIZE; i++) {
        buf[i] = new[i];
        g_assert(kind->decode(h, buf) ==
                 (!memcmp(buf, old, sizeof(buf)) ||
                  (new_is_good && !memcmp(buf, new, sizeof(buf)))));
    }

    memcpy(buf, old, sizeof(buf));
    for (i = ZONED_BLOCK_SIZE - SECTOR; i >= 0; i -= SECTOR) {
        memcpy(buf + i, new + i, SECTOR);
        g_assert(kind->decode(h, buf) ==
                 (!memcmp(buf, old, sizeof(buf)) ||
                  (new_is_good && !memcmp(buf, new, sizeof(buf)))));
    }
}

static void test_torn(const void *opaque)
{
    static const uint8_t nothing[ZONED_BLOCK_SIZE];
    const BlockKind *kind = opaque;
    ZonedHeader h = new_header();
    uint8_t old[ZONED_BLOCK_SIZE], new[ZONED_BLOCK_SIZE];

    kind->encode(&h, 1, old);
    kind->encode(&h, 2, new);
    g_assert(memcmp(old, new, sizeof(old)));
    check_torn(kind, &h, old, new, true);
    check_torn(kind, &h, old, nothing, false);
}

/* A block of one kind is none of another */
static void test_other_kind(void)
{
    ZonedHeader h = new_header();
    uint8_t buf[ZONED_BLOCK_SIZE];
    int i, j;

    for (i = 0; i < ARRAY_SIZE(kinds); i++) {
        kinds[i].encode(&h, 1, buf);
        for (j = 0; j < ARRAY_SIZE(kinds); j++) {
            g_assert(kinds[j].decode(&h, buf) == (i == j));
        }
    }
}

/* Intact blocks of an image that used the same space earlier */
static void test_other_image(void)
{
    ZonedHeader h = new_header();
    ZonedHeader other = new_header();
    uint8_t buf[ZONED_BLOCK_SIZE];

    root_encode(&other, 1, buf);
    g_assert(root_decode(&other, buf));
    g_assert(!root_decode(&h, buf));

    table_encode(&other, 1, buf);
    g_assert(table_decode(&other, buf));
    g_assert(!table_decode(&h, buf));
}

/* Make the checksum of a root right again */
static void seal_root(uint8_t *buf)
{
    stl_le_p(buf + 4, 0);
    stl_le_p(buf + 4, crc32c(0xffffffff, buf, ZONED_BLOCK_SIZE));
}

static void assert_same_root(const ZonedRoot *r, const ZonedRoot *expected)
{
    uint32_t n;

    g_assert_cmpuint(r->generation, ==, expected->generation);
    g_assert_cmpuint(r->table_sum, ==, expected->table_sum);
    g_assert_cmpuint(r->table_blocks, ==, expected->table_blocks);
    g_assert(r->clean == expected->clean);
    g_assert_cmpuint(r->nr_deltas, ==, expected->nr_deltas);
    for (n = 0; n < r->nr_deltas; n++) {
        g_assert_cmpuint(r->deltas[n].zone, ==, expected->deltas[n].zone);
        g_assert_cmpuint(r->deltas[n].summed, ==, expected->deltas[n].summed);
        g_assert_cmpuint(r->deltas[n].end, ==, expected->deltas[n].end);
        g_assert_cmphex(r->deltas[n].sum, ==, expected->deltas[n].sum);
    }
    g_assert_cmpmem(r->second, sizeof(r->second), expected->second,
                    sizeof(expected->second));
}

static void test_root_round_trip(void)
{
    ZonedHeader h = new_header();
    ZonedRoot r = new_root(UINT64_MAX - 1), got;
    uint8_t buf[ZONED_BLOCK_SIZE];
    int clean;

    for (clean = 0; clean <= 1; clean++) {
        r.clean = clean;
        zoned_root_encode(&h, &r, buf);
        memset(&got, 0xaa, sizeof(got));
        g_assert(zoned_root_decode(&h, &got, buf));
        assert_same_root(&got, &r);
    }
}

/* Where things are in the file is for ever */
static void test_root_layout(void)
{
    ZonedHeader h = new_header();
    ZonedRoot r = new_root(7);
    ZonedDelta first = { 2, 4096, 8192, 0x123456789abcdefULL };
    ZonedDelta second = { 3, 0, 12288, 0 };
    uint8_t buf[ZONED_BLOCK_SIZE];

    g_assert_cmpuint(zoned_root_offset(0), ==, 4096);
    g_assert_cmpuint(zoned_root_offset(1), ==, 512 * KiB + 4096);
    g_assert(zoned_root_set_delta(&r, &first));
    g_assert(zoned_root_set_delta(&r, &second));
    zoned_root_encode(&h, &r, buf);
    g_assert(!memcmp(buf, "ZROT", 4));
    g_assert(!memcmp(buf + 8, &h.id, 8));
    g_assert_cmpuint(ldq_le_p(buf + 16), ==, 7);            /* generation */
    g_assert_cmphex(ldq_le_p(buf + 24), ==, r.table_sum);
    g_assert_cmpuint(ldl_le_p(buf + 32), ==, 1);            /* clean */
    g_assert_cmpuint(ldl_le_p(buf + 36), ==, NR_BLOCKS);
    g_assert_cmpuint(ldl_le_p(buf + 40), ==, 2);            /* deltas */
    g_assert(buffer_is_zero(buf + 44, 20));
    g_assert_cmpuint(buf[64], ==, r.second[0]);
    g_assert(buffer_is_zero(buf + 65, 7));

    g_assert_cmpuint(zoned_root_deltas_offset(NR_BLOCKS), ==, 72);
    g_assert_cmpuint(ldl_le_p(buf + 72), ==, 2);            /* zone */
    g_assert_cmpuint(ldl_le_p(buf + 76), ==, 4096);         /* summed */
    g_assert_cmpuint(ldq_le_p(buf + 80), ==, 8192);         /* end */
    g_assert_cmphex(ldq_le_p(buf + 88), ==, first.sum);
    g_assert_cmpuint(ldl_le_p(buf + 96), ==, 3);
    g_assert_cmpuint(ldl_le_p(buf + 100), ==, 0);
    g_assert_cmpuint(ldq_le_p(buf + 104), ==, 12288);
    g_assert_cmpuint(ldq_le_p(buf + 112), ==, 0);
    g_assert(buffer_is_zero(buf + 120, 4096 - 120));
}

/* Blocks that a root does not have are none of its business */
static void test_root_second(void)
{
    ZonedHeader h = new_header();
    ZonedRoot r = new_root(7), got;
    uint8_t buf[ZONED_BLOCK_SIZE];

    memset(r.second + 1, 0xff, sizeof(r.second) - 1);
    zoned_root_encode(&h, &r, buf);
    g_assert(zoned_root_decode(&h, &got, buf));
    g_assert_cmphex(got.second[0], ==, r.second[0]);
    g_assert(buffer_is_zero(got.second + 1, sizeof(got.second) - 1));
    g_assert(buffer_is_zero(buf + 65, sizeof(buf) - 65));
}

static void test_root_deltas(void)
{
    ZonedHeader h = new_header();
    ZonedRoot r = new_root(7), got;
    ZonedDelta more = { 1, 0, 4096, 0 };
    ZonedDelta again = { 5, 0, 48 * KiB, 0 };
    uint8_t buf[ZONED_BLOCK_SIZE];
    uint32_t n;

    g_assert_cmpuint(zoned_root_max_deltas(NR_BLOCKS), ==, ZONED_MAX_DELTAS);
    for (n = 0; n < ZONED_MAX_DELTAS; n++) {
        /* Not in their order, but each once */
        ZonedDelta d = {
            .zone = 2 + n * 3 % ZONED_MAX_DELTAS,
            .summed = 4096,
            .end = 4096 * (n % 10 + 1),
            .sum = 0x0123456789abcdefULL + n,
        };

        g_assert(zoned_root_set_delta(&r, &d));
    }
    g_assert(!zoned_root_set_delta(&r, &more));
    more.zone = 100;
    g_assert(!zoned_root_set_delta(&r, &more));
    g_assert(zoned_root_set_delta(&r, &again));
    g_assert_cmpuint(r.nr_deltas, ==, ZONED_MAX_DELTAS);

    zoned_root_encode(&h, &r, buf);
    g_assert(zoned_root_decode(&h, &got, buf));
    assert_same_root(&got, &r);
    for (n = 0; n < ZONED_MAX_DELTAS; n++) {
        uint32_t zone = 2 + n * 3 % ZONED_MAX_DELTAS;
        const ZonedDelta *d = &got.deltas[zone - 2];
        bool changed = zone == again.zone;

        g_assert_cmpuint(d->zone, ==, zone);
        g_assert_cmpuint(d->summed, ==, changed ? 0 : 4096);
        g_assert_cmpuint(d->end, ==, changed ? 48 * KiB : 4096 * (n % 10 + 1));
        g_assert_cmphex(d->sum, ==, changed ? 0 : 0x0123456789abcdefULL + n);
    }

    /* One more than a root may have, though there is room for it */
    stl_le_p(buf + 40, ZONED_MAX_DELTAS + 1);
    memcpy(buf + 72 + ZONED_MAX_DELTAS * 24,
           buf + 72 + (ZONED_MAX_DELTAS - 1) * 24, 24);
    stl_le_p(buf + 72 + ZONED_MAX_DELTAS * 24, 100);
    seal_root(buf);
    g_assert(!zoned_root_decode(&h, &got, buf));
    stl_le_p(buf + 40, UINT32_MAX);
    seal_root(buf);
    g_assert(!zoned_root_decode(&h, &got, buf));
}

/* A root with a delta that no zone can have is not used */
static void test_root_bad_deltas(void)
{
    const struct {
        ZonedDelta deltas[2];
        bool good;
    } cases[] = {
        { { { 2, 4096, 8192 }, { 3, 0, 48 * KiB } }, true },
        { { { 2, 8192, 8192 }, { 3, 0, 48 * KiB } }, true },
        { { { 2, 4096, 8192 }, { NR_ZONES - 1, 0, 16 * KiB } }, true },
        { { { 2, 4096, 8192 }, { NR_ZONES - 1, 0, 20 * KiB } }, false },
        { { { 2, 4096, 8192 }, { NR_ZONES, 0, 4096 } }, false },
        { { { 2, 4096, 8192 }, { UINT32_MAX, 0, 4096 } }, false },
        { { { 2, 4096, 8192 }, { 2, 4096, 8192 } }, false },
        { { { 3, 4096, 8192 }, { 2, 4096, 8192 } }, false },
        { { { 1, 4096, 8192 }, { 2, 4096, 8192 } }, false },
        { { { 2, 12288, 8192 }, { 3, 0, 4096 } }, false },
        { { { 2, 0U - 4096, 8192 }, { 3, 0, 4096 } }, false },
        { { { 2, 512, 8192 }, { 3, 0, 4096 } }, false },
        { { { 2, 0, 8192 + 512 }, { 3, 0, 4096 } }, false },
        { { { 2, 0, 52 * KiB }, { 3, 0, 4096 } }, false },
        { { { 2, 0, 0ULL - 4096 }, { 3, 0, 4096 } }, false },
    };
    ZonedHeader h = new_header();
    uint8_t buf[ZONED_BLOCK_SIZE];
    int i;

    for (i = 0; i < ARRAY_SIZE(cases); i++) {
        ZonedRoot r = new_root(7), got;

        memcpy(r.deltas, cases[i].deltas, sizeof(cases[i].deltas));
        r.nr_deltas = 2;
        zoned_root_encode(&h, &r, buf);
        g_assert(zoned_root_decode(&h, &got, buf) == cases[i].good);
    }
}

/* Nobody reads more data to see whether it is there than a root can sum up */
static void test_root_summed_bytes(void)
{
    ZonedHeader h = new_header();
    ZonedRoot r = new_root(7), got;
    uint8_t buf[ZONED_BLOCK_SIZE];
    uint32_t zone;

    h.geometry.zone_size = h.geometry.zone_capacity = 1 * MiB;
    h.geometry.size = NR_ZONES * h.geometry.zone_size;
    for (zone = 2; zone < 6; zone++) {
        ZonedDelta d = { zone, 1 * MiB, 1 * MiB, 1 };

        g_assert(zoned_root_set_delta(&r, &d));
    }
    r.deltas[r.nr_deltas++] = (ZonedDelta) { 6, 0, 1 * MiB, 0 };
    zoned_root_encode(&h, &r, buf);
    g_assert(zoned_root_decode(&h, &got, buf));
    r.deltas[4].summed = 4096;
    zoned_root_encode(&h, &r, buf);
    g_assert(!zoned_root_decode(&h, &got, buf));
}

/* Deltas stand behind the copies of the blocks, if there is room */
static void test_root_room_for_deltas(void)
{
    const uint64_t zone = 4096, block = ZONED_ZONES_PER_BLOCK * zone;
    const uint32_t two_fit = ZONED_MAX_TABLE_BLOCKS - 2 * 24 * 8;
    ZonedDelta d = { .end = zone };
    ZonedHeader h = new_header();
    ZonedRoot r = new_root(7), got;
    uint8_t buf[ZONED_BLOCK_SIZE + ZONED_DELTA_SIZE] = { };

    h.geometry.zone_size = h.geometry.zone_capacity = zone;
    h.geometry.size = block * ZONED_MAX_TABLE_BLOCKS;
    r.table_blocks = ZONED_MAX_TABLE_BLOCKS;
    g_assert_cmpuint(zoned_root_max_deltas(r.table_blocks), ==, 0);
    g_assert(!zoned_root_set_delta(&r, &d));
    memset(r.second, 0xa5, sizeof(r.second));
    zoned_root_encode(&h, &r, buf);
    g_assert(zoned_root_decode(&h, &got, buf));
    assert_same_root(&got, &r);

    /* Nobody reads a third one behind the block */
    g_assert_cmpuint(zoned_root_max_deltas(two_fit + 1), ==, 1);
    g_assert_cmpuint(zoned_root_max_deltas(two_fit), ==, 2);
    h.geometry.size = block * two_fit;
    r.table_blocks = two_fit;
    for (d.zone = 2; d.zone < 4; d.zone++) {
        g_assert(zoned_root_set_delta(&r, &d));
    }
    g_assert(!zoned_root_set_delta(&r, &d));
    zoned_root_encode(&h, &r, buf);
    g_assert(zoned_root_decode(&h, &got, buf));
    stl_le_p(buf + 40, 3);
    seal_root(buf);
    stl_le_p(buf + ZONED_BLOCK_SIZE, d.zone);
    stq_le_p(buf + ZONED_BLOCK_SIZE + 8, d.end);
    g_assert(!zoned_root_decode(&h, &got, buf));
}

static void test_entry_extends(void)
{
    uint64_t closed = zoned_entry(BLK_ZS_CLOSED, 8192);
    uint64_t full = zoned_entry(BLK_ZS_FULL, 8192);

    g_assert(zoned_entry_extends(closed, closed));
    g_assert(zoned_entry_extends(closed, zoned_entry(BLK_ZS_CLOSED, 4096)));
    g_assert(zoned_entry_extends(closed, zoned_entry(BLK_ZS_EMPTY, 0)));
    g_assert(!zoned_entry_extends(closed, zoned_entry(BLK_ZS_CLOSED, 12288)));
    g_assert(!zoned_entry_extends(full, closed));
    g_assert(!zoned_entry_extends(closed, full));

    g_assert_cmpuint(zoned_entry_extend(closed, 4096), ==, closed);
    g_assert_cmpuint(zoned_entry_extend(closed, 12288), ==,
                     zoned_entry(BLK_ZS_CLOSED, 12288));
    g_assert_cmpuint(zoned_entry_extend(full, 12288), ==,
                     zoned_entry(BLK_ZS_FULL, 12288));
}

/* There is a generation after each, or the next commit would be lost */
static void test_root_newer(void)
{
    ZonedRoot a = { .generation = UINT64_MAX };
    ZonedRoot b = { .generation = 0 };

    g_assert_true(zoned_root_is_newer(&b, &a));
    g_assert_false(zoned_root_is_newer(&a, &b));
    g_assert_false(zoned_root_is_newer(&a, &a));
    a.generation = 7;
    g_assert_true(zoned_root_is_newer(&a, &b));
}

static void test_root_copies(void)
{
    ZonedRoot r = { };
    uint32_t last = ZONED_MAX_TABLE_BLOCKS - 1;

    g_assert_cmpint(zoned_root_copy(&r, last), ==, 0);
    zoned_root_flip(&r, last);
    g_assert_cmpint(zoned_root_copy(&r, last), ==, 1);
    g_assert_cmpint(zoned_root_copy(&r, last - 1), ==, 0);
    g_assert_cmpint(zoned_root_copy(&r, 0), ==, 0);
    zoned_root_flip(&r, last);
    g_assert_cmpint(zoned_root_copy(&r, last), ==, 0);
}

/*
 * A root from before the image has grown has fewer blocks.  One of more blocks
 * would tell of zones that there are not, and one of none tells nothing.
 */
static void test_root_other_length(void)
{
    ZonedHeader h = new_header();
    ZonedHeader longer = h, shorter = h;
    ZonedRoot r = new_root(7), got;
    uint8_t buf[ZONED_BLOCK_SIZE];

    longer.geometry.size *= 2;
    shorter.geometry.size /= 2;
    g_assert_cmpuint(zoned_table_blocks(&longer), >, NR_BLOCKS);
    g_assert_cmpuint(zoned_table_blocks(&h), ==, NR_BLOCKS);
    g_assert_cmpuint(zoned_table_blocks(&shorter), ==, 1);

    zoned_root_encode(&h, &r, buf);
    g_assert(root_decode(&longer, buf));
    g_assert(root_decode(&h, buf));
    g_assert(!root_decode(&shorter, buf));

    r.table_blocks = 1;
    zoned_root_encode(&h, &r, buf);
    g_assert(root_decode(&shorter, buf));
    g_assert(zoned_root_decode(&longer, &got, buf));
    g_assert_cmpuint(got.table_blocks, ==, 1);

    stl_le_p(buf + 36, 0);
    seal_root(buf);
    g_assert(!root_decode(&h, buf));
    stl_le_p(buf + 36, UINT32_MAX);
    seal_root(buf);
    g_assert(!root_decode(&h, buf));
}

static void test_table_round_trip(void)
{
    ZonedHeader h = new_header();
    uint64_t entries[ZONED_ZONES_PER_BLOCK], got[ZONED_ZONES_PER_BLOCK];
    uint32_t n = zoned_block_nr_zones(&h, 1);
    uint8_t buf[ZONED_BLOCK_SIZE];
    uint32_t sum, sum_got;

    fill_entries(entries, ZONED_ZONES_PER_BLOCK, 7);
    sum = zoned_table_encode(&h, 0, entries, buf);
    g_assert(zoned_table_decode(&h, 0, got, buf, &sum_got));
    g_assert_cmpuint(sum, ==, sum_got);
    g_assert(!memcmp(entries, got, sizeof(entries)));

    /* The last block has fewer zones, and says nothing beyond them */
    g_assert_cmpuint(n, ==, 3);
    sum = zoned_table_encode(&h, 1, entries, buf);
    memset(got, 0xaa, sizeof(got));
    g_assert(zoned_table_decode(&h, 1, got, buf, &sum_got));
    g_assert_cmpuint(sum, ==, sum_got);
    g_assert(!memcmp(entries, got, n * sizeof(entries[0])));
    g_assert_cmphex(got[n], ==, 0xaaaaaaaaaaaaaaaaULL);
    g_assert(!memcmp(buf, "ZTBL", 4));
    g_assert_cmpuint((uint32_t)ldl_le_p(buf + 4), ==, sum);
    g_assert(!memcmp(buf + 8, &h.id, 8));
    g_assert_cmpuint(ldl_le_p(buf + 16), ==, 1);            /* block */
    g_assert(buffer_is_zero(buf + 20, 12));
    g_assert_cmphex(ldq_le_p(buf + 32), ==, entries[0]);
    g_assert(buffer_is_zero(buf + 32 + n * 8, 4096 - 32 - n * 8));
}

/* A block in the place of another, and one that is left alone when damaged */
static void test_table_refused(void)
{
    ZonedHeader h = new_header();
    uint64_t entries[ZONED_ZONES_PER_BLOCK];
    uint8_t buf[ZONED_BLOCK_SIZE];
    uint32_t sum = 0;

    table_encode(&h, 1, buf);
    memset(entries, 0xaa, sizeof(entries));
    g_assert(!zoned_table_decode(&h, 1, entries, buf, &sum));
    buf[ZONED_BLOCK_SIZE - 1] ^= 1;
    g_assert(!zoned_table_decode(&h, 0, entries, buf, &sum));
    g_assert_cmphex(entries[0], ==, 0xaaaaaaaaaaaaaaaaULL);
}

/* The same zones with another content have another checksum */
static void test_table_sum(void)
{
    ZonedHeader h = new_header();
    uint64_t entries[ZONED_ZONES_PER_BLOCK] = { };
    uint8_t buf[ZONED_BLOCK_SIZE];
    uint32_t empty = zoned_table_encode(&h, 0, entries, buf);

    entries[ZONED_ZONES_PER_BLOCK - 1] = zoned_entry(BLK_ZS_CLOSED, 4096);
    g_assert_cmpuint(zoned_table_encode(&h, 0, entries, buf), !=, empty);
    entries[ZONED_ZONES_PER_BLOCK - 1] = 0;
    g_assert_cmpuint(zoned_table_encode(&h, 0, entries, buf), ==, empty);
}

/* What zone 2, with a capacity of 48 KiB, is after a power cycle */
static void test_entry_states(void)
{
    static const struct {
        BlockZoneState state;
        uint64_t wp;
        uint64_t entry;
        BlockZoneState back;
    } cases[] = {
        { BLK_ZS_EMPTY, 0, 0, BLK_ZS_EMPTY },
        { BLK_ZS_IOPEN, 0, 0, BLK_ZS_EMPTY },
        { BLK_ZS_IOPEN, 4096, 4096, BLK_ZS_CLOSED },
        { BLK_ZS_EOPEN, 0, 0, BLK_ZS_EMPTY },
        { BLK_ZS_EOPEN, 8192, 8192, BLK_ZS_CLOSED },
        { BLK_ZS_CLOSED, 4096, 4096, BLK_ZS_CLOSED },
        { BLK_ZS_IOPEN, 48 * KiB, 48 * KiB, BLK_ZS_FULL },
        { BLK_ZS_FULL, 48 * KiB, 1ULL << 56 | 48 * KiB, BLK_ZS_FULL },
        { BLK_ZS_FULL, 0, 1ULL << 56, BLK_ZS_FULL },
        { BLK_ZS_FULL, 4096, 1ULL << 56 | 4096, BLK_ZS_FULL },
        { BLK_ZS_RDONLY, 4096, 2ULL << 56 | 4096, BLK_ZS_RDONLY },
        { BLK_ZS_OFFLINE, 0, 3ULL << 56, BLK_ZS_OFFLINE },
    };
    ZonedHeader h = new_header();
    BlockZoneState state;
    uint64_t wp;
    int i;

    for (i = 0; i < ARRAY_SIZE(cases); i++) {
        uint64_t entry = zoned_entry(cases[i].state, cases[i].wp);

        g_assert_cmphex(entry, ==, cases[i].entry);
        g_assert_cmpuint(zoned_entry_wp(entry), ==, cases[i].wp);
        g_assert(zoned_entry_parse(&h, 2, entry, &state, &wp));
        g_assert_cmpstr(blk_zone_state_name(state), ==,
                        blk_zone_state_name(cases[i].back));
        g_assert_cmpuint(wp, ==, cases[i].wp);
    }
}

static void test_entry_wrong(void)
{
    ZonedHeader h = new_header();
    BlockZoneState state;
    uint64_t wp, kind;

    /* Past the capacity, off the granularity, unknown kind */
    for (kind = 0; kind < 4; kind++) {
        g_assert(zoned_entry_parse(&h, 2, kind << 56 | 48 * KiB, &state, &wp));
        g_assert(!zoned_entry_parse(&h, 2, kind << 56 | (48 * KiB + 4096),
                                    &state, &wp));
        g_assert(!zoned_entry_parse(&h, 2, kind << 56 | 512, &state, &wp));
    }
    for (kind = 4; kind < 256; kind++) {
        g_assert(!zoned_entry_parse(&h, 2, kind << 56, &state, &wp));
    }

    /* The last zone has 16 KiB only */
    g_assert(zoned_entry_parse(&h, NR_ZONES - 1, 16 * KiB, &state, &wp));
    g_assert_cmpstr(blk_zone_state_name(state), ==, "full");
    g_assert(!zoned_entry_parse(&h, NR_ZONES - 1, 20 * KiB, &state, &wp));

    /* A conventional zone has neither a write pointer nor a state */
    g_assert(zoned_entry_parse(&h, 0, 0, &state, &wp));
    g_assert_cmpstr(blk_zone_state_name(state), ==, "not-wp");
    g_assert(!zoned_entry_parse(&h, 0, 4096, &state, &wp));
    g_assert(!zoned_entry_parse(&h, 1, 1ULL << 56, &state, &wp));
}

static void add_block_tests(const char *name, GTestDataFunc fn)
{
    int i;

    for (i = 0; i < ARRAY_SIZE(kinds); i++) {
        g_autofree char *path = g_strdup_printf("/zoned-layout/%s/%s",
                                                kinds[i].name, name);

        g_test_add_data_func(path, &kinds[i], fn);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    add_block_tests("flipped-bit", test_flipped_bit);
    add_block_tests("lost-byte", test_lost_byte);
    add_block_tests("torn", test_torn);
    g_test_add_func("/zoned-layout/other-kind", test_other_kind);
    g_test_add_func("/zoned-layout/other-image", test_other_image);
    g_test_add_func("/zoned-layout/root/round-trip", test_root_round_trip);
    g_test_add_func("/zoned-layout/root/layout", test_root_layout);
    g_test_add_func("/zoned-layout/root/second", test_root_second);
    g_test_add_func("/zoned-layout/root/deltas", test_root_deltas);
    g_test_add_func("/zoned-layout/root/bad-deltas", test_root_bad_deltas);
    g_test_add_func("/zoned-layout/root/summed-bytes", test_root_summed_bytes);
    g_test_add_func("/zoned-layout/root/room-for-deltas",
                    test_root_room_for_deltas);
    g_test_add_func("/zoned-layout/entry/extends", test_entry_extends);
    g_test_add_func("/zoned-layout/root/newer", test_root_newer);
    g_test_add_func("/zoned-layout/root/copies", test_root_copies);
    g_test_add_func("/zoned-layout/root/other-length", test_root_other_length);
    g_test_add_func("/zoned-layout/table/round-trip", test_table_round_trip);
    g_test_add_func("/zoned-layout/table/refused", test_table_refused);
    g_test_add_func("/zoned-layout/table/sum", test_table_sum);
    g_test_add_func("/zoned-layout/entry/states", test_entry_states);
    g_test_add_func("/zoned-layout/entry/wrong", test_entry_wrong);

    return g_test_run();
}

/*
 * Unit tests for the blocks of a zoned image: what is written can be read
 * again, and what is damaged, torn or of another image is told from it
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
#include "block/zoned-layout.h"

#define SECTOR 512

/* Some zones more than one block of the table holds; the last one is short */
#define NR_ZONES (ZONED_ZONES_PER_BLOCK + 3)

static ZonedHeader new_header(void)
{
    ZonedHeader h = {
        .geometry = {
            .size = (NR_ZONES - 1) * 64 * KiB + 16 * KiB,
            .zone_size = 64 * KiB,
            .zone_capacity = 48 * KiB,
            .conventional_zones = 2,
            .max_open_zones = 3,
            .max_active_zones = 4,
            .write_granularity = 4096,
        },
        .max_append_bytes = 32 * KiB,
    };

    zoned_header_init(&h);
    return h;
}

static ZonedRoot new_root(uint64_t generation)
{
    ZonedRoot r = {
        .generation = generation,
        .table_sum = 0x123456789abcdefULL ^ generation,
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

static void test_header_round_trip(void)
{
    ZonedHeader h = new_header(), got;
    uint8_t buf[ZONED_BLOCK_SIZE];

    zoned_header_encode(&h, buf);
    g_assert_cmpint(zoned_header_decode(&got, buf, &error_abort), ==, 0);
    g_assert_cmpuint(got.geometry.size, ==, h.geometry.size);
    g_assert_cmpuint(got.geometry.zone_size, ==, 64 * KiB);
    g_assert_cmpuint(got.geometry.zone_capacity, ==, 48 * KiB);
    g_assert_cmpuint(got.geometry.conventional_zones, ==, 2);
    g_assert_cmpuint(got.geometry.max_open_zones, ==, 3);
    g_assert_cmpuint(got.geometry.max_active_zones, ==, 4);
    g_assert_cmpuint(got.geometry.write_granularity, ==, 4096);
    g_assert_cmpuint(got.max_append_bytes, ==, 32 * KiB);
    g_assert_cmpuint(got.data_offset, ==, h.data_offset);
    g_assert(qemu_uuid_is_equal(&got.id, &h.id));
}

/* Where things are in the file is for ever */
static void test_header_layout(void)
{
    ZonedHeader h = new_header();
    uint8_t buf[ZONED_BLOCK_SIZE];

    zoned_header_encode(&h, buf);
    g_assert(!memcmp(buf, "QZONED\x1a\xfb", 8));
    g_assert_cmpuint(ldl_le_p(buf + 8), ==, 1);             /* version */
    g_assert_cmpuint(ldq_le_p(buf + 16), ==, 1);            /* has tails */
    g_assert_cmpuint(ldq_le_p(buf + 24), ==, 0);
    g_assert(!memcmp(buf + 32, &h.id, 16));
    g_assert_cmpuint(ldq_le_p(buf + 48), ==, h.geometry.size);
    g_assert_cmpuint(ldq_le_p(buf + 56), ==, 64 * KiB);     /* zone size */
    g_assert_cmpuint(ldq_le_p(buf + 64), ==, 48 * KiB);     /* capacity */
    g_assert_cmpuint(ldl_le_p(buf + 72), ==, 2);            /* conventional */
    g_assert_cmpuint(ldl_le_p(buf + 76), ==, 3);            /* open */
    g_assert_cmpuint(ldl_le_p(buf + 80), ==, 4);            /* active */
    g_assert_cmpuint(ldl_le_p(buf + 84), ==, 4096);         /* granularity */
    g_assert_cmpuint(ldq_le_p(buf + 88), ==, 32 * KiB);     /* append */
    g_assert_cmpuint(ldq_le_p(buf + 96), ==, 1 * MiB);      /* zone 0 */

    /* Two headers, two roots, two tables of two blocks */
    g_assert_cmpuint(zoned_table_blocks(&h), ==, 2);
    g_assert_cmpuint(zoned_table_offset(&h, 0, 0), ==, 4 * 4096);
    g_assert_cmpuint(zoned_table_offset(&h, 0, 1), ==, 5 * 4096);
    g_assert_cmpuint(zoned_table_offset(&h, 1, 0), ==, 6 * 4096);
    g_assert_cmpuint(zoned_file_size(&h), ==, 1 * MiB + h.geometry.size);
}

/* Write a field of a header and make its checksum right again */
static void forge(uint8_t *buf, size_t offset, uint64_t value, size_t size)
{
    stn_le_p(buf + offset, size, value);
    stl_le_p(buf + 12, 0);
    stl_le_p(buf + 12, crc32c(0xffffffff, buf, ZONED_BLOCK_SIZE));
}

static void assert_header_error(const uint8_t *buf, int ret, const char *words)
{
    Error *err = NULL;
    ZonedHeader h;

    g_assert_cmpint(zoned_header_decode(&h, buf, &err), ==, ret);
    if (!strstr(error_get_pretty(err), words)) {
        g_test_message("error is: %s", error_get_pretty(err));
        g_test_fail();
    }
    error_free(err);
}

/* A header that is intact, but does not fit this version or itself */
static void test_header_forged(void)
{
    static const struct {
        size_t offset, size;
        uint64_t value;
        int ret;
        const char *words;
    } cases[] = {
        { 8, 4, 2, -ENOTSUP, "version 2" },
        { 8, 4, 0, -ENOTSUP, "version 0" },
        { 16, 8, 0x8000000000000000ULL, -ENOTSUP, "0x8000000000000000" },
        { 16, 8, 3, -ENOTSUP, "not known: 0x2" },
        { 48, 8, 0, -EINVAL, "size is 0" },
        { 48, 8, UINT64_MAX, -EINVAL, "size is 18446744073709551615" },
        { 56, 8, 0, -EINVAL, "zone_size is 0" },
        { 56, 8, 3, -EINVAL, "zone_size is 3" },
        { 64, 8, 0, -EINVAL, "zone_capacity is 0" },
        { 64, 8, UINT64_MAX, -EINVAL, "zone_capacity is 1844674407370955" },
        { 72, 4, UINT32_MAX, -EINVAL, "conventional_zones is 4294967295" },
        { 76, 4, 5, -EINVAL, "max_open_zones is 5" },
        { 84, 4, 0, -EINVAL, "write_granularity is 0" },
        { 88, 8, 0, -EINVAL, "max_append_bytes is 0" },
        { 96, 8, 0, -EINVAL, "offset 0" },
        { 96, 8, 1 * MiB + 4096, -EINVAL, "offset 1052672" },
        { 96, 8, 1ULL << 63, -EINVAL, "offset 9223372036854775808" },
        { 96, 8, INT64_MAX & ~(1 * MiB - 1), -EINVAL, "offset 922337203685" },
    };
    ZonedHeader h = new_header();
    uint8_t buf[ZONED_BLOCK_SIZE];
    int i;

    for (i = 0; i < ARRAY_SIZE(cases); i++) {
        zoned_header_encode(&h, buf);
        forge(buf, cases[i].offset, cases[i].value, cases[i].size);
        assert_header_error(buf, cases[i].ret, cases[i].words);
    }

    /* A feature that does no harm where it is not known */
    zoned_header_encode(&h, buf);
    forge(buf, 24, 1, 8);
    g_assert(header_decode(&h, buf));

    /* An image of an early version */
    forge(buf, 16, 0, 8);
    g_assert_cmpint(zoned_header_decode(&h, buf, NULL), ==, 0);
    g_assert(!h.has_tails);
}

static void test_probe(void)
{
    ZonedHeader h = new_header();
    uint8_t buf[ZONED_BLOCK_SIZE];

    zoned_header_encode(&h, buf);
    g_assert(zoned_header_probe(buf, sizeof(buf)));
    g_assert(zoned_header_probe(buf, 8));
    g_assert(!zoned_header_probe(buf, 7));
    g_assert(!zoned_header_probe(buf, 0));
    buf[7] ^= 1;
    g_assert(!zoned_header_probe(buf, sizeof(buf)));
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
        g_assert(zoned_root_decode(&h, &got, buf));
        g_assert_cmpuint(got.generation, ==, UINT64_MAX - 1);
        g_assert_cmpuint(got.table_sum, ==, r.table_sum);
        g_assert(got.clean == clean);
        g_assert_cmpuint(got.second[0], ==, r.second[0]);
    }
}

static void test_root_tails(void)
{
    ZonedHeader h = new_header();
    ZonedRoot r = new_root(7), got;
    uint8_t buf[ZONED_BLOCK_SIZE];
    uint32_t n;

    g_assert_cmpuint(zoned_root_max_tails(&h), ==, ZONED_MAX_TAILS);
    r.proof = 0x89abcdef;
    for (n = 0; n < ZONED_MAX_TAILS; n++) {
        /* Not in their order, but each once */
        uint32_t zone = 2 + n * 3 % ZONED_MAX_TAILS;

        g_assert(zoned_root_set_tail(&h, &r, zone, 4096 * (n % 10 + 1), 4096));
    }
    g_assert(!zoned_root_set_tail(&h, &r, 1, 4096, 0));
    g_assert(!zoned_root_set_tail(&h, &r, 100, 4096, 0));
    g_assert(zoned_root_set_tail(&h, &r, 5, 48 * KiB, 0));

    zoned_root_encode(&h, &r, buf);
    g_assert(zoned_root_decode(&h, &got, buf));
    g_assert_cmpuint(got.nr_tails, ==, ZONED_MAX_TAILS);
    g_assert_cmpuint(got.proof, ==, r.proof);
    g_assert_cmpuint(got.second[0], ==, r.second[0]);
    for (n = 0; n < ZONED_MAX_TAILS; n++) {
        g_assert_cmpuint(got.tails[n].zone, ==, 2 + n);
        g_assert_cmpuint(got.tails[n].proven, ==, r.tails[n].proven);
        g_assert_cmpuint(got.tails[n].end, ==, r.tails[n].end);
    }
    g_assert_cmpuint(got.tails[3].end, ==, 48 * KiB);
    g_assert_cmpuint(got.tails[3].proven, ==, 0);
}

/* A root with a tail that no zone can have is not used */
static void test_root_bad_tails(void)
{
    const struct {
        ZonedTail tails[2];
        bool good;
    } cases[] = {
        { { { 2, 4096, 8192 }, { 3, 0, 48 * KiB } }, true },
        { { { 2, 4096, 8192 }, { NR_ZONES - 1, 0, 16 * KiB } }, true },
        { { { 2, 4096, 8192 }, { NR_ZONES - 1, 0, 20 * KiB } }, false },
        { { { 2, 4096, 8192 }, { NR_ZONES, 0, 4096 } }, false },
        { { { 2, 4096, 8192 }, { 2, 4096, 8192 } }, false },
        { { { 3, 4096, 8192 }, { 2, 4096, 8192 } }, false },
        { { { 1, 4096, 8192 }, { 2, 4096, 8192 } }, false },
        { { { 2, 12288, 8192 }, { 3, 0, 4096 } }, false },
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

        memcpy(r.tails, cases[i].tails, sizeof(cases[i].tails));
        r.nr_tails = 2;
        zoned_root_encode(&h, &r, buf);
        g_assert(zoned_root_decode(&h, &got, buf) == cases[i].good);
    }
}

/* Tails stand behind the copies of the blocks, if there is room */
static void test_root_room_for_tails(void)
{
    const uint64_t zone = 4096, block = ZONED_ZONES_PER_BLOCK * zone;
    ZonedHeader h = new_header();
    ZonedRoot r = new_root(7), got;
    uint8_t buf[ZONED_BLOCK_SIZE];

    h.geometry.zone_size = h.geometry.zone_capacity = zone;
    h.geometry.size = block * ZONED_MAX_TABLE_BLOCKS;
    g_assert_cmpuint(zoned_root_max_tails(&h), ==, 0);
    r.second[sizeof(r.second) - 1] = 0xa5;
    zoned_root_encode(&h, &r, buf);
    g_assert(zoned_root_decode(&h, &got, buf));
    g_assert(!memcmp(got.second, r.second, sizeof(r.second)));

    /* One more than there is room for is read by nobody */
    h.geometry.size = block * (ZONED_MAX_TABLE_BLOCKS - 2 * 16 * 8);
    g_assert_cmpuint(zoned_root_max_tails(&h), ==, 2);
    g_assert(zoned_root_set_tail(&h, &r, 2, zone, 0));
    g_assert(zoned_root_set_tail(&h, &r, 3, zone, 0));
    g_assert(!zoned_root_set_tail(&h, &r, 4, zone, 0));
    zoned_root_encode(&h, &r, buf);
    g_assert(zoned_root_decode(&h, &got, buf));
    stl_le_p(buf + 40, 3);
    stl_le_p(buf + 4, 0);
    stl_le_p(buf + 4, crc32c(0xffffffff, buf, sizeof(buf)));
    g_assert(!zoned_root_decode(&h, &got, buf));

    /* An image of an early version has none */
    h.has_tails = false;
    r.nr_tails = 0;
    g_assert(!zoned_root_set_tail(&h, &r, 2, zone, 0));
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

/* A root of a table of another length is not used */
static void test_root_other_length(void)
{
    ZonedHeader h = new_header();
    ZonedHeader longer = h;
    uint8_t buf[ZONED_BLOCK_SIZE];

    longer.geometry.size *= 2;
    root_encode(&longer, 1, buf);
    g_assert(root_decode(&longer, buf));
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

static void test_entry_correct(void)
{
    static const struct {
        uint32_t zone;
        uint64_t entry;
        uint64_t correct;
    } cases[] = {
        /* Possible ones stay as they are */
        { 0, 0, 0 },
        { 2, 0, 0 },
        { 2, 8192, 8192 },
        { 2, 1ULL << 56 | 4096, 1ULL << 56 | 4096 },
        { 2, 3ULL << 56 | 4096, 3ULL << 56 | 4096 },
        /* Conventional */
        { 0, 4096, 0 },
        { 1, 3ULL << 56, 0 },
        { 1, UINT64_MAX, 0 },
        /* Past the capacity */
        { 2, 48 * KiB + 512, 48 * KiB },
        { 2, 64 * KiB, 48 * KiB },
        { 2, (1ULL << 56) - 1, 48 * KiB },
        { 2, 1ULL << 56 | 64 * KiB, 1ULL << 56 | 48 * KiB },
        { 2, 2ULL << 56 | 64 * KiB, 2ULL << 56 | 48 * KiB },
        { 2, 3ULL << 56 | 64 * KiB, 3ULL << 56 | 48 * KiB },
        { NR_ZONES - 1, 20 * KiB, 16 * KiB },
        /* Nothing is known */
        { 2, 512, 3ULL << 56 },
        { 2, 2ULL << 56 | 1, 3ULL << 56 },
        { 2, 4ULL << 56, 3ULL << 56 },
        { 2, 4ULL << 56 | 64 * KiB, 3ULL << 56 },
        { 2, UINT64_MAX, 3ULL << 56 },
    };
    ZonedHeader h = new_header();
    int i;

    for (i = 0; i < ARRAY_SIZE(cases); i++) {
        g_assert_cmphex(zoned_entry_correct(&h, cases[i].zone, cases[i].entry),
                        ==, cases[i].correct);
    }
}

/* The error of a header like @h names the option, its value and its bound */
static void assert_wrong(const ZonedHeader *h, const char *option_is_value,
                         const char *bound)
{
    Error *err = NULL;

    g_assert(!zoned_header_check(h, &err));
    if (!g_str_has_prefix(error_get_pretty(err), option_is_value) ||
        !strstr(error_get_pretty(err), bound)) {
        g_test_message("error is: %s", error_get_pretty(err));
        g_test_fail();
    }
    error_free(err);
}

#define TRY(field, value, option_is_value, bound) do {  \
        ZonedHeader wrong_ = new_header();              \
        wrong_.field = value;                           \
        assert_wrong(&wrong_, option_is_value, bound);  \
    } while (0)

#define FITS(field, value) do {                         \
        ZonedHeader h_ = new_header();                  \
        h_.field = value;                               \
        g_assert(zoned_header_check(&h_, &error_abort)); \
    } while (0)

static void test_check_granularity(void)
{
    FITS(geometry.write_granularity, 512);
    FITS(geometry.write_granularity, 16384);
    TRY(geometry.write_granularity, 0, "write_granularity is 0,", "from 512");
    TRY(geometry.write_granularity, 256, "write_granularity is 256,",
        "from 512");
    TRY(geometry.write_granularity, 4095, "write_granularity is 4095,",
        "power of two");
    TRY(geometry.write_granularity, 128 * KiB, "write_granularity is 131072,",
        "to 65536");
}

static void test_check_zone_size(void)
{
    ZonedHeader h = new_header();

    h.geometry.conventional_zones = 1;
    h.geometry.zone_size = 1 * TiB;
    g_assert(zoned_header_check(&h, &error_abort));
    TRY(geometry.zone_size, 2 * TiB, "zone_size is 2199023255552,",
        "to 1099511627776");
    TRY(geometry.zone_size, 0, "zone_size is 0,", "from 4096");
    TRY(geometry.zone_size, 2048, "zone_size is 2048,",
        "from 4096 (write_granularity)");
    TRY(geometry.zone_size, 96 * KiB, "zone_size is 98304,", "power of two");
}

static void test_check_capacity(void)
{
    FITS(geometry.zone_capacity, 64 * KiB);
    TRY(geometry.zone_capacity, 0, "zone_capacity is 0,",
        "multiple of 4096 (write_granularity)");
    TRY(geometry.zone_capacity, 48 * KiB + 512, "zone_capacity is 49664,",
        "multiple of 4096 (write_granularity)");
    TRY(geometry.zone_capacity, 68 * KiB, "zone_capacity is 69632,",
        "at most 65536 (zone_size)");
}

static void test_check_size(void)
{
    uint64_t max_size = BDRV_MAX_LENGTH - 1 * GiB;
    g_autofree char *max = g_strdup_printf("at most %" PRIu64, max_size);
    ZonedHeader h = new_header();

    FITS(geometry.size, 128 * KiB + 4096);
    TRY(geometry.size, 0, "size is 0,", "not 0");
    TRY(geometry.size, 512, "size is 512,", "multiple of 4096");
    TRY(geometry.size, 1ULL << 63, "size is 9223372036854775808,", max);

    h.geometry.zone_size = 1 * TiB;
    h.geometry.size = max_size;
    g_assert(zoned_header_check(&h, &error_abort));
    h.geometry.size += 4096;
    assert_wrong(&h, "size is ", max);
}

static void test_check_zones(void)
{
    uint64_t max_zones = ZONED_MAX_ZONES;
    g_autofree char *max = g_strdup_printf("at most %" PRIu64 " zones",
                                           max_zones);

    g_assert_cmpuint(max_zones, >, 1000 * 1000);
    FITS(geometry.size, max_zones * 64 * KiB);
    TRY(geometry.size, max_zones * 64 * KiB + 4096, "zone_size is 65536,",
        max);

    FITS(geometry.conventional_zones, NR_ZONES);
    TRY(geometry.conventional_zones, NR_ZONES + 1,
        "conventional_zones is 512,", "at most 511");
}

static void test_check_limits(void)
{
    FITS(geometry.max_open_zones, 4);
    FITS(geometry.max_open_zones, 0);
    FITS(geometry.max_active_zones, 0);
    TRY(geometry.max_open_zones, 5, "max_open_zones is 5,",
        "at most 4 (max_active_zones)");

    FITS(max_append_bytes, 48 * KiB);
    TRY(max_append_bytes, 0, "max_append_bytes is 0,", "not 0");
    TRY(max_append_bytes, 6 * KiB, "max_append_bytes is 6144,",
        "multiple of 4096 (write_granularity)");
    TRY(max_append_bytes, 52 * KiB, "max_append_bytes is 53248,",
        "at most 49152");
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
    g_test_add_func("/zoned-layout/probe", test_probe);
    g_test_add_func("/zoned-layout/header/round-trip", test_header_round_trip);
    g_test_add_func("/zoned-layout/header/layout", test_header_layout);
    g_test_add_func("/zoned-layout/header/forged", test_header_forged);
    g_test_add_func("/zoned-layout/root/round-trip", test_root_round_trip);
    g_test_add_func("/zoned-layout/root/tails", test_root_tails);
    g_test_add_func("/zoned-layout/root/bad-tails", test_root_bad_tails);
    g_test_add_func("/zoned-layout/root/room-for-tails",
                    test_root_room_for_tails);
    g_test_add_func("/zoned-layout/entry/extends", test_entry_extends);
    g_test_add_func("/zoned-layout/root/newer", test_root_newer);
    g_test_add_func("/zoned-layout/root/copies", test_root_copies);
    g_test_add_func("/zoned-layout/root/other-length", test_root_other_length);
    g_test_add_func("/zoned-layout/table/round-trip", test_table_round_trip);
    g_test_add_func("/zoned-layout/table/refused", test_table_refused);
    g_test_add_func("/zoned-layout/table/sum", test_table_sum);
    g_test_add_func("/zoned-layout/entry/states", test_entry_states);
    g_test_add_func("/zoned-layout/entry/wrong", test_entry_wrong);
    g_test_add_func("/zoned-layout/entry/correct", test_entry_correct);
    g_test_add_func("/zoned-layout/check/granularity", test_check_granularity);
    g_test_add_func("/zoned-layout/check/zone-size", test_check_zone_size);
    g_test_add_func("/zoned-layout/check/capacity", test_check_capacity);
    g_test_add_func("/zoned-layout/check/size", test_check_size);
    g_test_add_func("/zoned-layout/check/zones", test_check_zones);
    g_test_add_func("/zoned-layout/check/limits", test_check_limits);

    return g_test_run();
}

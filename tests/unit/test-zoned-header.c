/*
 * Unit tests for the header of a zoned image: what an image can be like, where
 * its parts are, and headers that say what cannot be
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
#include "block/zoned-datasum.h"
#include "zoned-layout-test.h"

static void test_round_trip(void)
{
    ZonedHeader h = new_header(), got;
    uint8_t buf[ZONED_BLOCK_SIZE];

    h.revision = 7;
    h.table_room = 100;
    h.table_offset[1] += 4096;
    h.data_offset = 2 * MiB;
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
    g_assert(qemu_uuid_is_equal(&got.id, &h.id));
    g_assert_cmpuint(got.revision, ==, 7);
    g_assert_cmpuint(got.data_offset, ==, 2 * MiB);
    g_assert_cmpuint(got.table_offset[0], ==, h.table_offset[0]);
    g_assert_cmpuint(got.table_offset[1], ==, h.table_offset[1]);
    g_assert_cmpuint(got.table_room, ==, 100);
    g_assert_cmpuint(got.datasum_key, ==, 12345);
}

/* Where things are in the file is for ever */
static void test_layout(void)
{
    ZonedHeader h = new_header();
    uint8_t buf[ZONED_BLOCK_SIZE];

    zoned_header_encode(&h, buf);
    g_assert(!memcmp(buf, "QZONED\x1a\xfb", 8));
    g_assert_cmpuint(ldl_le_p(buf + 8), ==, 2);             /* version */
    g_assert_cmpuint(ldq_le_p(buf + 16), ==, 0);
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
    g_assert_cmpuint(ldl_le_p(buf + 104), ==, 1);           /* revision */
    g_assert_cmpuint(ldl_le_p(buf + 108), ==, 126);         /* room */
    g_assert_cmpuint(ldq_le_p(buf + 112), ==, 8192);        /* table */
    g_assert_cmpuint(ldq_le_p(buf + 120), ==, 512 * KiB + 8192);
    g_assert_cmpuint(ldq_le_p(buf + 128), ==, 12345);       /* key */
    g_assert(buffer_is_zero(buf + 136, sizeof(buf) - 136));
}

/* The key is the caller's; all else follows from the geometry */
static void test_init(void)
{
    ZonedHeader a = new_header(), b = a;

    zoned_header_init(&b);
    g_assert_cmpuint(b.datasum_key, ==, 12345);
    g_assert_cmpuint(b.data_offset, ==, a.data_offset);
    g_assert(!qemu_uuid_is_null(&b.id));
    g_assert(!qemu_uuid_is_equal(&b.id, &a.id));
}

/* The parts of an image of few zones: the smallest one, and the largest */
static void test_small_places(void)
{
    const uint32_t nr_zones[] = { 1, 508, 509, 32004 };
    int i, copy;

    g_assert_cmpuint(zoned_header_offset(0), ==, 0);
    g_assert_cmpuint(zoned_header_offset(1), ==, 512 * KiB);
    g_assert_cmpuint(zoned_root_offset(0), ==, 4096);
    g_assert_cmpuint(zoned_root_offset(1), ==, 512 * KiB + 4096);
    for (i = 0; i < ARRAY_SIZE(nr_zones); i++) {
        ZonedHeader h = new_header();

        h.geometry.size = nr_zones[i] * 64 * KiB;
        zoned_header_init(&h);
        g_assert_cmpuint(zoned_table_blocks(&h), ==, (nr_zones[i] + 507) / 508);
        g_assert_cmpuint(h.table_room, ==, 126);
        g_assert_cmpuint(zoned_max_zones(&h), ==, 64008);
        for (copy = 0; copy < ZONED_COPIES; copy++) {
            g_assert_cmpuint(zoned_table_offset(&h, copy, 0), ==,
                             copy * 512 * KiB + 2 * 4096);
            g_assert_cmpuint(zoned_table_offset(&h, copy, 125), ==,
                             (copy + 1) * 512 * KiB - 4096);
        }
        g_assert_cmpuint(h.data_offset, ==, 1 * MiB);
        g_assert_cmpuint(zoned_file_size(&h), ==, 1 * MiB + h.geometry.size);
    }
}

/* Then there is too little room beside the headers */
static void test_large_places(void)
{
    ZonedHeader h = new_header();

    h.geometry.size = 32005 * 64 * KiB;
    zoned_header_init(&h);
    g_assert_cmpuint(h.table_room, ==, 128);
    g_assert_cmpuint(h.table_offset[0], ==, 1 * MiB);
    g_assert_cmpuint(h.table_offset[1], ==, 1 * MiB + 512 * KiB);
    g_assert_cmpuint(h.data_offset, ==, 2 * MiB);

    /* One byte more than half a MiB, to be as far apart as the next one */
    h.geometry.size = (64 * 508 + 1) * 64 * KiB;
    zoned_header_init(&h);
    g_assert_cmpuint(h.table_room, ==, 130);
    g_assert_cmpuint(h.table_offset[0], ==, 1 * MiB);
    g_assert_cmpuint(h.table_offset[1], ==, 2 * MiB);
    g_assert_cmpuint(h.data_offset, ==, 3 * MiB);

    /* There cannot be twice as many zones as this */
    h.geometry.size = ZONED_MAX_ZONES * 64 * KiB;
    zoned_header_init(&h);
    g_assert_cmpuint(h.table_room, ==, ZONED_MAX_TABLE_BLOCKS);
    g_assert_cmpuint(h.table_offset[0], ==, 1 * MiB);
    g_assert_cmpuint(h.table_offset[1], ==, 127 * MiB);
    g_assert_cmpuint(h.data_offset, ==, 253 * MiB);
}

static bool decodes(const ZonedHeader *h)
{
    uint8_t buf[ZONED_BLOCK_SIZE];
    ZonedHeader got;

    zoned_header_encode(h, buf);
    return zoned_header_decode(&got, buf, NULL) == 0;
}

/* No two parts of an image share a byte, also when it has grown */
static void assert_apart(const ZonedHeader *h)
{
    uint64_t table = (uint64_t)h->table_room * 4096;
    const struct {
        uint64_t start, end;
    } parts[] = {
        { zoned_header_offset(0), zoned_header_offset(0) + 4096 },
        { zoned_root_offset(0), zoned_root_offset(0) + 4096 },
        { zoned_header_offset(1), zoned_header_offset(1) + 4096 },
        { zoned_root_offset(1), zoned_root_offset(1) + 4096 },
        { h->table_offset[0], h->table_offset[0] + table },
        { h->table_offset[1], h->table_offset[1] + table },
        { h->data_offset, UINT64_MAX },
    };
    int i, j;

    for (i = 0; i < ARRAY_SIZE(parts); i++) {
        for (j = 0; j < i; j++) {
            g_assert(parts[i].end <= parts[j].start ||
                     parts[j].end <= parts[i].start);
        }
    }
    g_assert_cmpuint(h->table_offset[1] - h->table_offset[0], >=, 512 * KiB);
}

static void test_places(void)
{
    const uint64_t nr_zones[] = {
        1, 508, 509, 32004, 32005, 64008, 64009, 1000 * 1000,
        ZONED_MAX_ZONES / 2, ZONED_MAX_ZONES / 2 + 1, ZONED_MAX_ZONES,
    };
    int i;

    for (i = 0; i < ARRAY_SIZE(nr_zones); i++) {
        ZonedHeader h = new_header();
        uint64_t room;

        h.geometry.size = nr_zones[i] * h.geometry.zone_size;
        h.geometry.conventional_zones = 1;
        zoned_header_init(&h);
        assert_apart(&h);
        g_assert(decodes(&h));

        /* It can grow to twice as many, where there can be so many */
        room = zoned_max_zones(&h);
        g_assert_cmpuint(room, >=, MIN(nr_zones[i] * 2, ZONED_MAX_ZONES));
        h.geometry.size = room * h.geometry.zone_size;
        g_assert(decodes(&h));
        h.geometry.size += h.geometry.zone_size;
        g_assert(!decodes(&h));
    }
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
static void test_forged(void)
{
    static const struct {
        size_t offset, size;
        uint64_t value;
        int ret;
        const char *words;
    } cases[] = {
        { 8, 4, 3, -ENOTSUP, "version 3" },
        { 8, 4, 3, -ENOTSUP, "use a newer QEMU" },
        { 8, 4, UINT32_MAX, -ENOTSUP, "version 4294967295" },
        { 8, 4, 1, -ENOTSUP, "version 1" },
        { 8, 4, 1, -ENOTSUP, "from before its first release" },
        { 8, 4, 0, -ENOTSUP, "version 0" },
        { 16, 8, 0x8000000000000000ULL, -ENOTSUP, "0x8000000000000000" },
        { 16, 8, 1, -ENOTSUP, "not known here: 0x1;" },
        { 16, 8, 3, -ENOTSUP, "not known here: 0x3;" },
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
        { 108, 4, 0, -EINVAL, "with room for 0 blocks" },
        { 108, 4, 1, -EINVAL, "with room for 1 blocks" },
        { 108, 4, 127, -EINVAL, "with room for 127 blocks" },
        { 108, 4, UINT32_MAX, -EINVAL, "with room for 4294967295 blocks" },
        { 112, 8, 0, -EINVAL, "offsets 0 and 532480," },
        { 112, 8, 8192 + 512, -EINVAL, "offsets 8704 and" },
        { 112, 8, UINT64_MAX - 4095, -EINVAL, "offsets 1844674407370954752" },
        { 120, 8, 0, -EINVAL, "offsets 8192 and 0," },
        { 120, 8, 512 * KiB + 8192 + 4096, -EINVAL, "and 536576," },
        { 120, 8, 1ULL << 63, -EINVAL, "and 9223372036854775808," },
        { 120, 8, UINT64_MAX - 4095, -EINVAL, "and 18446744073709547520," },
        { 128, 8, 0, -EINVAL, "key of datasums" },
        { 128, 8, ZONED_DATASUM_PRIME, -EINVAL, "key of datasums" },
        { 128, 8, UINT64_MAX, -EINVAL, "key of datasums" },
    };
    ZonedHeader h = new_header();
    uint8_t buf[ZONED_BLOCK_SIZE];
    int i;

    for (i = 0; i < ARRAY_SIZE(cases); i++) {
        zoned_header_encode(&h, buf);
        forge(buf, cases[i].offset, cases[i].value, cases[i].size);
        assert_header_error(buf, cases[i].ret, cases[i].words);
    }
}

/* Headers that are odd, but do no harm */
static void test_accepted(void)
{
    static const struct {
        size_t offset, size;
        uint64_t value;
    } cases[] = {
        { 24, 8, 1 },               /* a feature that is not known */
        { 136, 8, UINT64_MAX },     /* a field that is not known */
        { 104, 4, 0 },
        { 104, 4, UINT32_MAX },
        { 108, 4, 2 },
        { 128, 8, 1 },
        { 128, 8, ZONED_DATASUM_PRIME - 1 },
    };
    ZonedHeader h = new_header(), got;
    uint8_t buf[ZONED_BLOCK_SIZE];
    int i;

    for (i = 0; i < ARRAY_SIZE(cases); i++) {
        zoned_header_encode(&h, buf);
        forge(buf, cases[i].offset, cases[i].value, cases[i].size);
        g_assert_cmpint(zoned_header_decode(&got, buf, &error_abort), ==, 0);
    }
}

/* Of another place of the table, for two blocks of it at least */
static void test_table_places(void)
{
    static const struct {
        uint64_t first, second;
        uint32_t room;
        bool good;
    } cases[] = {
        { 8192, 520 * KiB, 126, true },
        { 8192, 520 * KiB, 2, true },
        /* Over the headers and the roots */
        { 0, 520 * KiB, 2, false },
        { 4096, 520 * KiB, 2, false },
        { 504 * KiB, 1 * MiB, 2, true },
        { 508 * KiB, 2 * MiB, 2, false },
        { 512 * KiB, 2 * MiB, 2, false },
        { 516 * KiB, 2 * MiB, 2, false },
        { 520 * KiB, 2 * MiB, 2, true },
        { 8192, 516 * KiB, 2, false },
        { 8192, 2 * MiB, 127, false },
        { 520 * KiB, 2 * MiB, 200, true },
        /* Off the blocks */
        { 8192 + 512, 2 * MiB, 2, false },
        { 8192, 2 * MiB + 512, 2, false },
        /* Too near to each other, or over each other */
        { 16 * KiB, 520 * KiB, 2, false },
        { 12 * KiB, 524 * KiB, 2, true },
        { 520 * KiB, 8192, 2, false },
        { 1 * MiB, 1 * MiB, 2, false },
        { 1 * MiB, 1 * MiB + 508 * KiB, 128, false },
        { 1 * MiB, 1 * MiB + 512 * KiB, 128, true },
        { 1 * MiB, 1 * MiB + 512 * KiB, 129, false },
        { 1 * MiB, 1 * MiB + 516 * KiB, 129, true },
        /* In the zones, which begin at 4 MiB */
        { 8192, 4 * MiB - 8192, 2, true },
        { 8192, 4 * MiB - 4096, 2, false },
        { 8192, 4 * MiB, 2, false },
        { 8192, 8 * MiB, 2, false },
        { 4 * MiB, 8 * MiB, 2, false },
        { 1 * MiB, 4 * MiB - 128 * 4096, 128, true },
        { 1 * MiB, 4 * MiB - 128 * 4096, 129, false },
        /* Where a sum would wrap around */
        { 8192, 0ULL - 4096, 2, false },
        { 8192, 0ULL - 8192, 2, false },
        { 0ULL - 8192, 8192, 2, false },
        { 0ULL - 1 * MiB, 8192, 126, false },
        /* More than a root can tell of */
        { 1 * MiB, 2 * MiB, ZONED_MAX_TABLE_BLOCKS + 1, false },
    };
    uint8_t buf[ZONED_BLOCK_SIZE];
    int i;

    for (i = 0; i < ARRAY_SIZE(cases); i++) {
        ZonedHeader h = new_header();

        h.data_offset = 4 * MiB;
        h.table_offset[0] = cases[i].first;
        h.table_offset[1] = cases[i].second;
        h.table_room = cases[i].room;
        zoned_header_encode(&h, buf);
        if (!cases[i].good) {
            assert_header_error(buf, -EINVAL, "the zone table cannot be at");
        } else {
            g_assert_cmpint(zoned_header_decode(&h, buf, &error_abort), ==, 0);
            assert_apart(&h);
        }
    }
}

/* The room ends at what a root can tell of, and is enough for all zones */
static void test_table_room(void)
{
    ZonedHeader h = new_header();

    h.geometry.size = ZONED_MAX_ZONES * h.geometry.zone_size;
    zoned_header_init(&h);
    g_assert(decodes(&h));
    h.data_offset = 1 * GiB;
    h.table_offset[1] = 512 * MiB;
    g_assert(decodes(&h));
    h.table_room++;
    g_assert(!decodes(&h));
    h.table_room -= 2;
    g_assert(!decodes(&h));
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

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    g_test_add_func("/zoned-header/round-trip", test_round_trip);
    g_test_add_func("/zoned-header/layout", test_layout);
    g_test_add_func("/zoned-header/init", test_init);
    g_test_add_func("/zoned-header/places/small", test_small_places);
    g_test_add_func("/zoned-header/places/large", test_large_places);
    g_test_add_func("/zoned-header/places/all", test_places);
    g_test_add_func("/zoned-header/forged", test_forged);
    g_test_add_func("/zoned-header/accepted", test_accepted);
    g_test_add_func("/zoned-header/table/places", test_table_places);
    g_test_add_func("/zoned-header/table/room", test_table_room);
    g_test_add_func("/zoned-header/probe", test_probe);
    g_test_add_func("/zoned-header/check/granularity", test_check_granularity);
    g_test_add_func("/zoned-header/check/zone-size", test_check_zone_size);
    g_test_add_func("/zoned-header/check/capacity", test_check_capacity);
    g_test_add_func("/zoned-header/check/size", test_check_size);
    g_test_add_func("/zoned-header/check/zones", test_check_zones);
    g_test_add_func("/zoned-header/check/limits", test_check_limits);

    return g_test_run();
}

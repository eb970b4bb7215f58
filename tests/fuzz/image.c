/*
 * Fuzzing: make an image of the zoned format out of a fuzzer's input
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/crc32c.h"
#include "block/zoned-datasum.h"
#include "image.h"

/* Where blocks have their checksum */
#define HEADER_CRC      12
#define OTHER_CRC       4

/* Fields of a root */
#define ROOT_SUM        24
#define ROOT_BLOCKS     36
#define ROOT_SECOND     64

/* And of a delta in it */
#define DELTA_SUM       16

/* How many blocks of each area of metadata are changed */
#define AREA_BLOCKS     8

/* More takes too long */
#define MAX_ZONES       4096

uint64_t input_take(Input *in, int bytes)
{
    uint64_t value = 0;
    int i;

    for (i = 0; i < bytes && in->size; i++) {
        value |= (uint64_t)*in->data++ << (8 * i);
        in->size--;
    }
    return value;
}

static uint8_t *metadata_page(Memory *m, uint64_t offset)
{
    return memory_page(m, offset / MEMORY_PAGE);
}

static void describe(Input *in, ZonedHeader *h)
{
    static const uint32_t nr_zones[] = {
        1, 2, 3, 4, 5, 7, 9, 16, 507, 508, 509, 1016, 1017, 1525,
    };
    ZoneGeometry *g = &h->geometry;
    uint64_t zones = nr_zones[input_take(in, 1) % ARRAY_SIZE(nr_zones)];
    uint64_t granules, last;

    g->write_granularity = ZONED_MIN_GRANULARITY << input_take(in, 1) % 8;
    granules = 1ULL << input_take(in, 1) % 8;
    g->zone_size = granules * g->write_granularity;
    g->zone_capacity = (1 + input_take(in, 1) % granules) *
                       g->write_granularity;
    last = input_take(in, 1) % granules;
    g->size = zones * g->zone_size - last * g->write_granularity;
    g->conventional_zones = MIN(input_take(in, 1), zones);
    g->max_active_zones = input_take(in, 1);
    g->max_open_zones = input_take(in, 1);
    if (g->max_active_zones) {
        g->max_open_zones = MIN(g->max_open_zones, g->max_active_zones);
    }
    h->max_append_bytes = (1 + input_take(in, 1) % granules) *
                          g->write_granularity;
    h->max_append_bytes = MIN(h->max_append_bytes, g->zone_capacity);
    zoned_header_init(h);
    h->id = (QemuUUID) { .data = "zoned image fuzz" };
    h->datasum_key = IMAGE_KEY;
}

/* Zones in all states; what is wrong with them comes by changes */
static void fill_entries(Input *in, const ZonedHeader *h, uint64_t *entries)
{
    static const BlockZoneState states[] = {
        BLK_ZS_CLOSED, BLK_ZS_FULL, BLK_ZS_RDONLY, BLK_ZS_OFFLINE,
    };
    const ZoneGeometry *g = &h->geometry;
    uint32_t nr_zones = zone_geometry_nr_zones(g);
    uint32_t n = input_take(in, 1) % 16;
    uint32_t i;

    while (n--) {
        uint64_t wp;
        BlockZoneState state;

        i = (g->conventional_zones + input_take(in, 2)) % nr_zones;
        state = states[input_take(in, 1) % ARRAY_SIZE(states)];
        wp = input_take(in, 1) * g->write_granularity;
        if (!zone_geometry_is_conventional(g, i)) {
            entries[i] = zoned_entry(state,
                                     MIN(wp, zone_geometry_capacity(g, i)));
        }
    }
}

static void put_image(Memory *m, const ZonedHeader *h, ZonedRoot *root,
                      const uint64_t *entries)
{
    uint32_t b;
    int copy;

    root->table_blocks = zoned_table_blocks(h);
    for (copy = 0; copy < ZONED_COPIES; copy++) {
        root->table_sum = 0;
        for (b = 0; b < root->table_blocks; b++) {
            root->table_sum += zoned_table_encode(
                h, b, entries + zoned_block_first_zone(b),
                metadata_page(m, zoned_table_offset(h, copy, b)));
        }
    }
    for (copy = 0; copy < ZONED_COPIES; copy++) {
        zoned_header_encode(h, metadata_page(m, zoned_header_offset(copy)));
        zoned_root_encode(h, root, metadata_page(m, zoned_root_offset(copy)));
    }
}

void image_put(Memory *m, const ZonedHeader *h)
{
    g_autofree uint64_t *entries =
        g_new0(uint64_t, zone_geometry_nr_zones(&h->geometry));
    ZonedRoot root = { .generation = 1, .clean = true };

    put_image(m, h, &root, entries);
    m->length = zoned_file_size(h);
}

/* The last sector of the new data of @d is there, and not zero */
static void put_delta_data(Memory *m, const ZonedHeader *h,
                           const ZonedDelta *d)
{
    uint8_t data[BDRV_SECTOR_SIZE];

    memset(data, 0xa0 + d->zone % 16, sizeof(data));
    memory_put(m, h->data_offset + zone_geometry_start(&h->geometry, d->zone) +
               d->end - sizeof(data), data, sizeof(data));
}

/*
 * A newer root, which has deltas.  Its datasums are all 0: they are right where
 * there is no data.
 */
static void put_root_with_deltas(Memory *m, Input *in, const ZonedHeader *h,
                                 ZonedRoot *root)
{
    uint32_t n, nr_deltas;

    root->generation++;
    root->clean = false;
    nr_deltas = input_take(in, 1) %
                (zoned_root_max_deltas(root->table_blocks) + 1);
    for (n = 0; n < nr_deltas; n++) {
        uint32_t granule = h->geometry.write_granularity;
        ZonedDelta d = {
            .zone = h->geometry.conventional_zones + input_take(in, 1),
            .end = input_take(in, 1) * granule,
        };
        uint32_t how = input_take(in, 1);

        if (d.end && how & 1) {
            d.summed = how & 2 ? granule : d.end;
        }
        if (d.summed && !(how & 4)) {
            put_delta_data(m, h, &d);
        }
        zoned_root_set_delta(root, &d);
    }
    zoned_root_encode(h, root, metadata_page(m, zoned_root_offset(0)));
}

/* One that has been used */
static void put_used_image(Memory *m, Input *in, const ZonedHeader *h,
                           bool deltas)
{
    g_autofree uint64_t *entries =
        g_new0(uint64_t, zone_geometry_nr_zones(&h->geometry));
    ZonedRoot root = { .generation = 1 + input_take(in, 1) };

    root.clean = root.generation % 2;
    fill_entries(in, h, entries);
    put_image(m, h, &root, entries);
    if (deltas) {
        put_root_with_deltas(m, in, h, &root);
    }
}

/* Any bytes at any place of the metadata, half of the blocks in each area */
static void change(Memory *m, Input *in)
{
    uint32_t n = input_take(in, 1) % 32;

    while (n--) {
        uint32_t block = input_take(in, 1) % (ZONED_COPIES * AREA_BLOCKS);
        uint64_t offset = zoned_header_offset(block / AREA_BLOCKS) +
                          block % AREA_BLOCKS * ZONED_BLOCK_SIZE +
                          input_take(in, 2) % ZONED_BLOCK_SIZE;
        size_t bytes = MIN(1 + input_take(in, 1) % 16, in->size);

        memory_put(m, offset, in->data, bytes);
        in->data += bytes;
        in->size -= bytes;
    }
}

static bool decode_header(Memory *m, int copy, ZonedHeader *h)
{
    return zoned_header_decode(h, metadata_page(m, zoned_header_offset(copy)),
                               NULL) >= 0;
}

/* From the copy that can be read, or is newer; false if none can */
static bool get_header(Memory *m, ZonedHeader *h)
{
    bool first = decode_header(m, 0, h);
    ZonedHeader other;

    if (decode_header(m, 1, &other) &&
        (!first || other.revision > h->revision)) {
        *h = other;
        return true;
    }
    return first;
}

static uint32_t seal(uint8_t *block, size_t at)
{
    uint32_t crc;

    stl_le_p(block + at, 0);
    crc = crc32c(0xffffffff, block, ZONED_BLOCK_SIZE);
    stl_le_p(block + at, crc);
    return crc;
}

static void seal_root(uint8_t *root, uint32_t nr_blocks, const uint32_t *first,
                      const uint32_t *second)
{
    uint64_t sum = 0;
    uint32_t b;

    /* One of more blocks is of no use, whatever its sum is */
    nr_blocks = MIN(nr_blocks, (uint32_t)ldl_le_p(root + ROOT_BLOCKS));
    for (b = 0; b < nr_blocks; b++) {
        sum += (root[ROOT_SECOND + b / 8] >> b % 8 & 1 ? second : first)[b];
    }
    stq_le_p(root + ROOT_SUM, sum);
    seal(root, OTHER_CRC);
}

/* The checksums of all blocks, after those that they depend on */
static void seal_all(Memory *m)
{
    ZonedHeader h;
    g_autofree uint32_t *first = NULL, *second = NULL;
    uint32_t b, nr_blocks;

    for (b = 0; b < ZONED_COPIES; b++) {
        seal(metadata_page(m, zoned_header_offset(b)), HEADER_CRC);
    }
    if (!get_header(m, &h) ||
        zone_geometry_nr_zones(&h.geometry) > MAX_ZONES) {
        return;
    }
    nr_blocks = zoned_table_blocks(&h);
    first = g_new(uint32_t, nr_blocks);
    second = g_new(uint32_t, nr_blocks);
    for (b = 0; b < nr_blocks; b++) {
        first[b] = seal(metadata_page(m, zoned_table_offset(&h, 0, b)),
                        OTHER_CRC);
        second[b] = seal(metadata_page(m, zoned_table_offset(&h, 1, b)),
                         OTHER_CRC);
    }
    for (b = 0; b < ZONED_COPIES; b++) {
        seal_root(metadata_page(m, zoned_root_offset(b)), nr_blocks, first,
                  second);
    }
}

/* Datasum of @d, which is possible or it would not be here */
static uint64_t sum_delta(Memory *m, const ZonedHeader *h, const ZonedDelta *d)
{
    g_autofree uint8_t *data = g_malloc(d->summed);

    memory_get(m, h->data_offset + zone_geometry_start(&h->geometry, d->zone) +
               d->end - d->summed, data, d->summed);
    return zoned_datasum(h->datasum_key, 0, data, d->summed);
}

/* The datasums of the roots, after all that they depend on */
static void sum_all(Memory *m)
{
    g_autofree ZonedRoot *root = g_new(ZonedRoot, 1);
    ZonedHeader h;
    uint32_t copy, n;

    if (image_is_huge(m) || !get_header(m, &h)) {
        return;
    }
    for (copy = 0; copy < ZONED_COPIES; copy++) {
        uint8_t *page = metadata_page(m, zoned_root_offset(copy));

        if (!zoned_root_decode(&h, root, page)) {
            continue;
        }
        for (n = 0; n < root->nr_deltas; n++) {
            stq_le_p(page + zoned_root_deltas_offset(root->table_blocks) +
                     n * ZONED_DELTA_SIZE + DELTA_SUM,
                     sum_delta(m, &h, &root->deltas[n]));
        }
        seal(page, OTHER_CRC);
    }
}

bool image_is_huge(Memory *m)
{
    ZonedHeader h;
    int copy;

    for (copy = 0; copy < ZONED_COPIES; copy++) {
        if (decode_header(m, copy, &h) &&
            zone_geometry_nr_zones(&h.geometry) > MAX_ZONES) {
            return true;
        }
    }
    return false;
}

static void set_length(Memory *m, bool cut)
{
    ZonedHeader h;

    m->length = 1 * MiB;
    if (get_header(m, &h)) {
        m->length = ROUND_UP(zoned_file_size(&h), BDRV_SECTOR_SIZE);
    }
    if (cut) {
        m->length -= BDRV_SECTOR_SIZE;
    }
}

uint8_t image_make(Memory *m, Input *in)
{
    uint8_t flags = input_take(in, 1);
    ZonedHeader h = { .data_offset = 0 };

    if (flags & IMAGE_RAW) {
        memory_put(m, 0, in->data, in->size);
    } else {
        describe(in, &h);
        put_used_image(m, in, &h, flags & IMAGE_DELTAS);
        change(m, in);
    }
    if (flags & IMAGE_SEAL) {
        seal_all(m);
    }
    if (flags & IMAGE_SUM) {
        sum_all(m);
    }
    set_length(m, flags & IMAGE_CUT);
    return flags;
}

/*
 * Fuzzing: make an image of the zoned format out of a fuzzer's input
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <zlib.h>
#include "qemu/bswap.h"
#include "qemu/crc32c.h"
#include "image.h"

/* Where blocks have their checksum */
#define HEADER_CRC      12
#define OTHER_CRC       4

/* Fields of a root */
#define ROOT_SUM        24
#define ROOT_PROOF      44
#define ROOT_SECOND     64

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

    for (copy = 0; copy < ZONED_COPIES; copy++) {
        root->table_sum = 0;
        for (b = 0; b < zoned_table_blocks(h); b++) {
            uint64_t offset = zoned_table_offset(h, copy, b);

            root->table_sum += zoned_table_encode(
                h, b, entries + zoned_block_first_zone(b),
                memory_page(m, offset / MEMORY_PAGE));
        }
    }
    for (copy = 0; copy < ZONED_COPIES; copy++) {
        zoned_header_encode(h, memory_page(m, ZONED_HEADER_BLOCK + copy));
        zoned_root_encode(h, root, memory_page(m, ZONED_ROOT_BLOCK + copy));
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

/* A newer root, which has tails */
static void put_root_with_tails(Memory *m, Input *in, const ZonedHeader *h,
                                ZonedRoot *root)
{
    uint32_t n, nr_tails;

    root->generation++;
    root->clean = false;
    nr_tails = input_take(in, 1) % (zoned_root_max_tails(h) + 1);
    for (n = 0; n < nr_tails; n++) {
        uint32_t zone = h->geometry.conventional_zones + input_take(in, 1);
        uint64_t end = input_take(in, 1) * h->geometry.write_granularity;

        zoned_root_set_tail(h, root, zone, end,
                            input_take(in, 1) % 2 ? end : 0);
    }
    zoned_root_encode(h, root, memory_page(m, ZONED_ROOT_BLOCK));
}

/* One that has been used */
static void put_used_image(Memory *m, Input *in, const ZonedHeader *h,
                           bool tails)
{
    g_autofree uint64_t *entries =
        g_new0(uint64_t, zone_geometry_nr_zones(&h->geometry));
    ZonedRoot root = { .generation = 1 + input_take(in, 1) };

    root.clean = root.generation % 2;
    fill_entries(in, h, entries);
    put_image(m, h, &root, entries);
    if (tails) {
        put_root_with_tails(m, in, h, &root);
    }
}

/* Any bytes at any place of the metadata */
static void change(Memory *m, Input *in)
{
    uint32_t n = input_take(in, 1) % 32;

    while (n--) {
        uint64_t block = input_take(in, 1) % 16;
        uint64_t offset = block * ZONED_BLOCK_SIZE +
                          input_take(in, 2) % ZONED_BLOCK_SIZE;
        size_t bytes = MIN(1 + input_take(in, 1) % 16, in->size);

        memory_put(m, offset, in->data, bytes);
        in->data += bytes;
        in->size -= bytes;
    }
}

/* From the copy that can be read; false if none can */
static bool get_header(Memory *m, ZonedHeader *h)
{
    return zoned_header_decode(h, memory_page(m, 0), NULL) >= 0 ||
           zoned_header_decode(h, memory_page(m, 1), NULL) >= 0;
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

    seal(memory_page(m, 0), HEADER_CRC);
    seal(memory_page(m, 1), HEADER_CRC);
    if (!get_header(m, &h) ||
        zone_geometry_nr_zones(&h.geometry) > MAX_ZONES) {
        return;
    }
    nr_blocks = zoned_table_blocks(&h);
    first = g_new(uint32_t, nr_blocks);
    second = g_new(uint32_t, nr_blocks);
    for (b = 0; b < nr_blocks; b++) {
        first[b] = seal(memory_page(m, ZONED_TABLE_BLOCK + b), OTHER_CRC);
        second[b] = seal(memory_page(m, ZONED_TABLE_BLOCK + nr_blocks + b),
                         OTHER_CRC);
    }
    for (b = 0; b < ZONED_COPIES; b++) {
        seal_root(memory_page(m, ZONED_ROOT_BLOCK + b), nr_blocks, first,
                  second);
    }
}

/* CRC-32 of what @t proves, which was possible or it would not be here */
static uint32_t prove_tail(Memory *m, const ZonedHeader *h, const ZonedTail *t,
                           uint32_t proof)
{
    g_autofree uint8_t *data = g_malloc(t->proven);

    memory_get(m, h->data_offset + zone_geometry_start(&h->geometry, t->zone) +
               t->end - t->proven, data, t->proven);
    return crc32(proof, data, t->proven);
}

/* The proofs of the roots, after all that they depend on */
static void prove_all(Memory *m)
{
    g_autofree ZonedRoot *root = g_new(ZonedRoot, 1);
    ZonedHeader h;
    uint32_t copy, n;

    if (image_is_huge(m) || !get_header(m, &h)) {
        return;
    }
    for (copy = 0; copy < ZONED_COPIES; copy++) {
        uint8_t *page = memory_page(m, ZONED_ROOT_BLOCK + copy);
        uint32_t proof = crc32(0, NULL, 0);

        if (!zoned_root_decode(&h, root, page) || !h.has_tails) {
            continue;
        }
        for (n = 0; n < root->nr_tails; n++) {
            proof = prove_tail(m, &h, &root->tails[n], proof);
        }
        stl_le_p(page + ROOT_PROOF, proof);
        seal(page, OTHER_CRC);
    }
}

bool image_is_huge(Memory *m)
{
    ZonedHeader h;
    int copy;

    for (copy = 0; copy < ZONED_COPIES; copy++) {
        if (zoned_header_decode(&h, memory_page(m, copy), NULL) >= 0 &&
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
        put_used_image(m, in, &h, flags & IMAGE_TAILS);
        change(m, in);
    }
    if (flags & IMAGE_SEAL) {
        seal_all(m);
    }
    if (flags & IMAGE_PROVE) {
        prove_all(m);
    }
    set_length(m, flags & IMAGE_CUT);
    return flags;
}

/*
 * The zoned image format: encoding and decoding of its blocks
 *
 * Every block of metadata begins with a magic number and a CRC32C of the
 * whole block, taken with the field itself zero, and carries the image's id.
 * A block that was torn while it was written is so told from a good one.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bitops.h"
#include "qemu/bswap.h"
#include "qemu/crc32c.h"
#include "qemu/host-utils.h"
#include "block/block.h"
#include "zoned-layout.h"

#define ROOT_MAGIC              0x544f525a /* "ZROT" */
#define TABLE_MAGIC             0x4c42545a /* "ZTBL" */

#define ROOT_FLAG_CLEAN         (1u << 0)

/* A table entry: bytes of data below, what the zone became above */
#define ENTRY_WP_BITS           56
#define ENTRY_WP_MASK           MAKE_64BIT_MASK(0, ENTRY_WP_BITS)

enum {
    ENTRY_BY_WP = 0,            /* empty, closed or full, as the wp says */
    ENTRY_FINISHED = 1,
    ENTRY_RDONLY = 2,
    ENTRY_OFFLINE = 3,
};

typedef struct QEMU_PACKED DiskHeader {
    uint8_t magic[ZONED_MAGIC_LEN];
    uint32_t version;
    uint32_t crc;
    uint64_t incompatible_features;
    uint64_t compatible_features;
    QemuUUID id;
    uint64_t size;
    uint64_t zone_size;
    uint64_t zone_capacity;
    uint32_t conventional_zones;
    uint32_t max_open_zones;
    uint32_t max_active_zones;
    uint32_t write_granularity;
    uint64_t max_append_bytes;
    uint64_t data_offset;
    uint32_t revision;
    uint32_t table_room;
    uint64_t table_offset[ZONED_COPIES];
    uint64_t datasum_key;
} DiskHeader;

typedef struct QEMU_PACKED DiskRoot {
    uint32_t magic;
    uint32_t crc;
    uint8_t id[8];
    uint64_t generation;
    uint64_t table_sum;
    uint32_t flags;
    uint32_t table_blocks;
    uint32_t nr_deltas;
    uint8_t reserved[20];
    uint8_t second[ZONED_BLOCK_SIZE - ZONED_ROOT_HEADER];
} DiskRoot;

/* These follow in a root behind the part of @second that is in use */
typedef struct QEMU_PACKED DiskDelta {
    uint32_t zone;
    uint32_t summed;
    uint64_t end;
    uint64_t sum;
} DiskDelta;

typedef struct QEMU_PACKED DiskTable {
    uint32_t magic;
    uint32_t crc;
    uint8_t id[8];
    uint32_t block;
    uint8_t reserved[12];
    uint64_t entries[ZONED_ZONES_PER_BLOCK];
} DiskTable;

QEMU_BUILD_BUG_ON(sizeof(DiskHeader) > ZONED_BLOCK_SIZE);
QEMU_BUILD_BUG_ON(sizeof(DiskRoot) != ZONED_BLOCK_SIZE);
QEMU_BUILD_BUG_ON(sizeof(DiskDelta) != ZONED_DELTA_SIZE);
QEMU_BUILD_BUG_ON(sizeof(DiskTable) != ZONED_BLOCK_SIZE);

/* CRC32C of a block whose checksum is at @crc_offset, as if that was zero */
static uint32_t block_crc(const uint8_t *buf, size_t crc_offset)
{
    static const uint8_t zero[sizeof(uint32_t)];
    size_t rest = crc_offset + sizeof(zero);
    uint32_t crc;

    /* crc32c() ends each call with an inversion: undo it to go on */
    crc = crc32c(0xffffffff, buf, crc_offset) ^ 0xffffffff;
    crc = crc32c(crc, zero, sizeof(zero)) ^ 0xffffffff;
    return crc32c(crc, buf + rest, ZONED_BLOCK_SIZE - rest);
}

static uint32_t seal_block(uint8_t *buf, size_t crc_offset)
{
    uint32_t crc = block_crc(buf, crc_offset);

    stl_le_p(buf + crc_offset, crc);
    return crc;
}

static bool block_is_sealed(const uint8_t *buf, size_t crc_offset)
{
    return ldl_le_p(buf + crc_offset) == block_crc(buf, crc_offset);
}

/* So many blocks of the table fit between the root and the next header */
#define SMALL_TABLE_OFFSET      (2 * ZONED_BLOCK_SIZE)
#define SMALL_TABLE_ROOM        \
    ((ZONED_COPY_DISTANCE - SMALL_TABLE_OFFSET) / ZONED_BLOCK_SIZE)

void zoned_header_init(ZonedHeader *h)
{
    uint32_t wanted = MIN(zoned_table_blocks(h) * 2, ZONED_MAX_TABLE_BLOCKS);
    uint64_t offset = SMALL_TABLE_OFFSET;
    uint64_t distance = ZONED_COPY_DISTANCE;

    h->table_room = MAX(wanted, SMALL_TABLE_ROOM);
    if (wanted > SMALL_TABLE_ROOM) {
        offset = ZONED_COPIES * ZONED_COPY_DISTANCE;
        distance = ROUND_UP((uint64_t)wanted * ZONED_BLOCK_SIZE,
                            ZONED_COPY_DISTANCE);
    }
    h->table_offset[0] = offset;
    h->table_offset[1] = offset + distance;
    h->data_offset = ROUND_UP(zoned_table_offset(h, 1, h->table_room),
                              ZONED_DATA_ALIGN);
    h->revision = 1;
    qemu_uuid_generate(&h->id);
}

static bool check_granularity(const ZoneGeometry *g, Error **errp)
{
    if (!is_power_of_2(g->write_granularity) ||
        g->write_granularity < ZONED_MIN_GRANULARITY ||
        g->write_granularity > ZONED_MAX_GRANULARITY) {
        error_setg(errp, "write_granularity is %" PRIu32 ", but must be a "
                   "power of two from %d to %" PRIu64, g->write_granularity,
                   ZONED_MIN_GRANULARITY, (uint64_t)ZONED_MAX_GRANULARITY);
        return false;
    }
    return true;
}

static bool check_zone_size(const ZoneGeometry *g, Error **errp)
{
    if (!is_power_of_2(g->zone_size) || g->zone_size < g->write_granularity ||
        g->zone_size > ZONED_MAX_ZONE_SIZE) {
        error_setg(errp, "zone_size is %" PRIu64 ", but must be a power of two "
                   "from %" PRIu32 " (write_granularity) to %" PRIu64,
                   g->zone_size, g->write_granularity,
                   (uint64_t)ZONED_MAX_ZONE_SIZE);
        return false;
    }
    if (!g->zone_capacity || g->zone_capacity > g->zone_size ||
        g->zone_capacity % g->write_granularity) {
        error_setg(errp, "zone_capacity is %" PRIu64 ", but must be a multiple "
                   "of %" PRIu32 " (write_granularity) and at most %" PRIu64
                   " (zone_size)", g->zone_capacity, g->write_granularity,
                   g->zone_size);
        return false;
    }
    return true;
}

static bool check_size(const ZoneGeometry *g, Error **errp)
{
    /* What is left for the metadata needs no exact sum */
    const uint64_t max_size = BDRV_MAX_LENGTH - 1 * GiB;
    uint64_t nr_zones;

    if (!g->size || g->size > max_size || g->size % g->write_granularity) {
        error_setg(errp, "size is %" PRIu64 ", but must be a multiple of "
                   "%" PRIu32 " (write_granularity), not 0 and at most "
                   "%" PRIu64, g->size, g->write_granularity, max_size);
        return false;
    }
    nr_zones = DIV_ROUND_UP(g->size, g->zone_size);
    if (nr_zones > ZONED_MAX_ZONES) {
        error_setg(errp, "zone_size is %" PRIu64 ", which makes %" PRIu64
                   " zones of size %" PRIu64 ", but there can be at most "
                   "%" PRIu64 " zones", g->zone_size, nr_zones, g->size,
                   (uint64_t)ZONED_MAX_ZONES);
        return false;
    }
    if (g->conventional_zones > nr_zones) {
        error_setg(errp, "conventional_zones is %" PRIu32 ", but must be at "
                   "most %" PRIu64 " (the number of zones)",
                   g->conventional_zones, nr_zones);
        return false;
    }
    return true;
}

static bool check_limits(const ZonedHeader *h, Error **errp)
{
    const ZoneGeometry *g = &h->geometry;
    uint64_t max_append = MIN(g->zone_capacity, BDRV_REQUEST_MAX_BYTES);

    if (g->max_active_zones && g->max_open_zones > g->max_active_zones) {
        error_setg(errp, "max_open_zones is %" PRIu32 ", but must be at most "
                   "%" PRIu32 " (max_active_zones)", g->max_open_zones,
                   g->max_active_zones);
        return false;
    }
    if (!h->max_append_bytes || h->max_append_bytes > max_append ||
        h->max_append_bytes % g->write_granularity) {
        error_setg(errp, "max_append_bytes is %" PRIu64 ", but must be a "
                   "multiple of %" PRIu32 " (write_granularity), not 0 and "
                   "at most %" PRIu64, h->max_append_bytes,
                   g->write_granularity,
                   QEMU_ALIGN_DOWN(max_append, g->write_granularity));
        return false;
    }
    return true;
}

bool zoned_header_check(const ZonedHeader *h, Error **errp)
{
    const ZoneGeometry *g = &h->geometry;

    return check_granularity(g, errp) && check_zone_size(g, errp) &&
           check_size(g, errp) && check_limits(h, errp);
}

bool zoned_header_probe(const uint8_t *buf, size_t len)
{
    return len >= ZONED_MAGIC_LEN && !memcmp(buf, ZONED_MAGIC, ZONED_MAGIC_LEN);
}

void zoned_header_encode(const ZonedHeader *h, uint8_t *buf)
{
    const ZoneGeometry *g = &h->geometry;
    DiskHeader d = {
        .version = cpu_to_le32(ZONED_VERSION),
        .id = h->id,
        .size = cpu_to_le64(g->size),
        .zone_size = cpu_to_le64(g->zone_size),
        .zone_capacity = cpu_to_le64(g->zone_capacity),
        .conventional_zones = cpu_to_le32(g->conventional_zones),
        .max_open_zones = cpu_to_le32(g->max_open_zones),
        .max_active_zones = cpu_to_le32(g->max_active_zones),
        .write_granularity = cpu_to_le32(g->write_granularity),
        .max_append_bytes = cpu_to_le64(h->max_append_bytes),
        .data_offset = cpu_to_le64(h->data_offset),
        .revision = cpu_to_le32(h->revision),
        .table_room = cpu_to_le32(h->table_room),
        .table_offset = {
            cpu_to_le64(h->table_offset[0]),
            cpu_to_le64(h->table_offset[1]),
        },
        .datasum_key = cpu_to_le64(h->datasum_key),
    };

    memcpy(d.magic, ZONED_MAGIC, ZONED_MAGIC_LEN);
    memset(buf, 0, ZONED_BLOCK_SIZE);
    memcpy(buf, &d, sizeof(d));
    seal_block(buf, offsetof(DiskHeader, crc));
}

static void header_from_disk(ZonedHeader *h, const DiskHeader *d)
{
    *h = (ZonedHeader) {
        .geometry = {
            .size = le64_to_cpu(d->size),
            .zone_size = le64_to_cpu(d->zone_size),
            .zone_capacity = le64_to_cpu(d->zone_capacity),
            .conventional_zones = le32_to_cpu(d->conventional_zones),
            .max_open_zones = le32_to_cpu(d->max_open_zones),
            .max_active_zones = le32_to_cpu(d->max_active_zones),
            .write_granularity = le32_to_cpu(d->write_granularity),
        },
        .max_append_bytes = le64_to_cpu(d->max_append_bytes),
        .id = d->id,
        .data_offset = le64_to_cpu(d->data_offset),
        .revision = le32_to_cpu(d->revision),
        .table_room = le32_to_cpu(d->table_room),
        .table_offset = {
            le64_to_cpu(d->table_offset[0]),
            le64_to_cpu(d->table_offset[1]),
        },
        .datasum_key = le64_to_cpu(d->datasum_key),
    };
}

/* Whether copy @copy of the table is before the zones, off the fixed blocks */
static bool table_has_place(const ZonedHeader *h, int copy)
{
    uint64_t start = h->table_offset[copy];
    uint64_t end = start + (uint64_t)h->table_room * ZONED_BLOCK_SIZE;
    int i;

    if (start % ZONED_BLOCK_SIZE || start > h->data_offset ||
        end > h->data_offset) {
        return false;
    }
    for (i = 0; i < ZONED_COPIES; i++) {
        if (start < zoned_root_offset(i) + ZONED_BLOCK_SIZE &&
            end > zoned_header_offset(i)) {
            return false;
        }
    }
    return true;
}

static bool check_places(const ZonedHeader *h, Error **errp)
{
    uint64_t distance = MAX(ZONED_COPY_DISTANCE,
                            (uint64_t)h->table_room * ZONED_BLOCK_SIZE);

    if (h->data_offset % ZONED_DATA_ALIGN ||
        h->data_offset < ZONED_COPIES * ZONED_COPY_DISTANCE ||
        h->data_offset > BDRV_MAX_LENGTH - h->geometry.size) {
        error_setg(errp, "zones cannot begin at offset %" PRIu64,
                   h->data_offset);
        return false;
    }
    if (h->table_room < zoned_table_blocks(h) ||
        h->table_room > ZONED_MAX_TABLE_BLOCKS ||
        !table_has_place(h, 0) || !table_has_place(h, 1) ||
        h->table_offset[1] < h->table_offset[0] + distance) {
        error_setg(errp, "the zone table cannot be at offsets %" PRIu64 " and "
                   "%" PRIu64 ", with room for %" PRIu32 " blocks",
                   h->table_offset[0], h->table_offset[1], h->table_room);
        return false;
    }
    if (!h->datasum_key || h->datasum_key >= ZONED_DATASUM_PRIME) {
        error_setg(errp, "its key of datasums is none");
        return false;
    }
    return true;
}

/* Whether @buf has a header of this version, and an intact one */
static int check_header_block(const uint8_t *buf, Error **errp)
{
    DiskHeader d;

    memcpy(&d, buf, sizeof(d));
    if (!zoned_header_probe(buf, ZONED_BLOCK_SIZE)) {
        error_setg(errp, "Image is not in zoned format");
        return -EINVAL;
    }
    if (!block_is_sealed(buf, offsetof(DiskHeader, crc))) {
        error_setg(errp, "Header of the zoned image is damaged: "
                   "its checksum is wrong");
        return -EINVAL;
    }
    if (le32_to_cpu(d.version) < ZONED_VERSION) {
        error_setg(errp, "Image has version %" PRIu32 " of the zoned format, "
                   "from before its first release, but only version %d is "
                   "known; copy its data with the QEMU that wrote it",
                   le32_to_cpu(d.version), ZONED_VERSION);
        return -ENOTSUP;
    }
    if (le32_to_cpu(d.version) > ZONED_VERSION) {
        error_setg(errp, "Image has version %" PRIu32 " of the zoned format, "
                   "but only version %d is known here; use a newer QEMU",
                   le32_to_cpu(d.version), ZONED_VERSION);
        return -ENOTSUP;
    }
    if (d.incompatible_features) {
        error_setg(errp, "Image needs features of the zoned format that are "
                   "not known here: 0x%" PRIx64 "; use a newer QEMU",
                   le64_to_cpu(d.incompatible_features));
        return -ENOTSUP;
    }
    return 0;
}

int zoned_header_decode(ZonedHeader *h, const uint8_t *buf, Error **errp)
{
    ERRP_GUARD();
    DiskHeader d;
    int ret = check_header_block(buf, errp);

    if (ret < 0) {
        return ret;
    }
    memcpy(&d, buf, sizeof(d));
    header_from_disk(h, &d);
    if (!zoned_header_check(h, errp) || !check_places(h, errp)) {
        error_prepend(errp, "Header of the zoned image is damaged: ");
        return -EINVAL;
    }
    return 0;
}

static void deltas_encode(const ZonedRoot *r, uint8_t *buf)
{
    uint32_t n;

    buf += zoned_root_deltas_offset(r->table_blocks);
    for (n = 0; n < r->nr_deltas; n++) {
        DiskDelta d = {
            .zone = cpu_to_le32(r->deltas[n].zone),
            .summed = cpu_to_le32(r->deltas[n].summed),
            .end = cpu_to_le64(r->deltas[n].end),
            .sum = cpu_to_le64(r->deltas[n].sum),
        };

        memcpy(buf + n * sizeof(d), &d, sizeof(d));
    }
}

/* Whether a zone of the disk can have the delta @d */
static bool delta_is_possible(const ZoneGeometry *g, const ZonedDelta *d)
{
    return d->zone < zone_geometry_nr_zones(g) &&
           !zone_geometry_is_conventional(g, d->zone) &&
           d->end <= zone_geometry_capacity(g, d->zone) &&
           d->summed <= d->end &&
           QEMU_IS_ALIGNED(d->end | d->summed, g->write_granularity);
}

static bool deltas_decode(const ZonedHeader *h, ZonedRoot *r,
                          const uint8_t *buf)
{
    uint64_t summed = 0;
    uint32_t n;

    if (r->nr_deltas > zoned_root_max_deltas(r->table_blocks)) {
        return false;
    }
    buf += zoned_root_deltas_offset(r->table_blocks);
    for (n = 0; n < r->nr_deltas; n++) {
        DiskDelta d;

        memcpy(&d, buf + n * sizeof(d), sizeof(d));
        r->deltas[n] = (ZonedDelta) {
            .zone = le32_to_cpu(d.zone),
            .summed = le32_to_cpu(d.summed),
            .end = le64_to_cpu(d.end),
            .sum = le64_to_cpu(d.sum),
        };
        if (!delta_is_possible(&h->geometry, &r->deltas[n]) ||
            (n && r->deltas[n].zone <= r->deltas[n - 1].zone)) {
            return false;
        }
        summed += r->deltas[n].summed;
    }
    return summed <= ZONED_MAX_SUMMED_BYTES;
}

bool zoned_root_set_delta(ZonedRoot *r, const ZonedDelta *delta)
{
    uint32_t n = 0;

    while (n < r->nr_deltas && r->deltas[n].zone < delta->zone) {
        n++;
    }
    if (n == r->nr_deltas || r->deltas[n].zone != delta->zone) {
        if (r->nr_deltas >= zoned_root_max_deltas(r->table_blocks)) {
            return false;
        }
        memmove(&r->deltas[n + 1], &r->deltas[n],
                (r->nr_deltas - n) * sizeof(r->deltas[0]));
        r->nr_deltas++;
    }
    r->deltas[n] = *delta;
    return true;
}

void zoned_root_encode(const ZonedHeader *h, const ZonedRoot *r, uint8_t *buf)
{
    DiskRoot d = {
        .magic = cpu_to_le32(ROOT_MAGIC),
        .generation = cpu_to_le64(r->generation),
        .table_sum = cpu_to_le64(r->table_sum),
        .flags = cpu_to_le32(r->clean ? ROOT_FLAG_CLEAN : 0),
        .table_blocks = cpu_to_le32(r->table_blocks),
        .nr_deltas = cpu_to_le32(r->nr_deltas),
    };

    memcpy(d.id, &h->id, sizeof(d.id));
    memcpy(d.second, r->second, DIV_ROUND_UP(r->table_blocks, 8));
    memcpy(buf, &d, sizeof(d));
    deltas_encode(r, buf);
    seal_block(buf, offsetof(DiskRoot, crc));
}

bool zoned_root_decode(const ZonedHeader *h, ZonedRoot *r, const uint8_t *buf)
{
    DiskRoot d;

    memcpy(&d, buf, sizeof(d));
    if (le32_to_cpu(d.magic) != ROOT_MAGIC ||
        !block_is_sealed(buf, offsetof(DiskRoot, crc)) ||
        memcmp(d.id, &h->id, sizeof(d.id)) ||
        !d.table_blocks ||
        le32_to_cpu(d.table_blocks) > zoned_table_blocks(h)) {
        return false;
    }
    *r = (ZonedRoot) {
        .generation = le64_to_cpu(d.generation),
        .table_sum = le64_to_cpu(d.table_sum),
        .table_blocks = le32_to_cpu(d.table_blocks),
        .clean = le32_to_cpu(d.flags) & ROOT_FLAG_CLEAN,
        .nr_deltas = le32_to_cpu(d.nr_deltas),
    };
    memcpy(r->second, d.second, DIV_ROUND_UP(r->table_blocks, 8));
    return deltas_decode(h, r, buf);
}

uint32_t zoned_table_encode(const ZonedHeader *h, uint32_t block,
                            const uint64_t *entries, uint8_t *buf)
{
    DiskTable d = {
        .magic = cpu_to_le32(TABLE_MAGIC),
        .block = cpu_to_le32(block),
    };
    uint32_t n = zoned_block_nr_zones(h, block);
    uint32_t i;

    memcpy(d.id, &h->id, sizeof(d.id));
    for (i = 0; i < n; i++) {
        d.entries[i] = cpu_to_le64(entries[i]);
    }
    memcpy(buf, &d, sizeof(d));
    return seal_block(buf, offsetof(DiskTable, crc));
}

void zoned_table_entries(const ZonedHeader *h, uint32_t block,
                         uint64_t *entries, const uint8_t *buf)
{
    uint32_t n = zoned_block_nr_zones(h, block);
    uint32_t i;

    buf += offsetof(DiskTable, entries);
    for (i = 0; i < n; i++, buf += sizeof(*entries)) {
        entries[i] = ldq_le_p(buf);
    }
}

bool zoned_table_decode(const ZonedHeader *h, uint32_t block,
                        uint64_t *entries, const uint8_t *buf, uint32_t *sum)
{
    DiskTable d;

    memcpy(&d, buf, offsetof(DiskTable, entries));
    if (le32_to_cpu(d.magic) != TABLE_MAGIC ||
        !block_is_sealed(buf, offsetof(DiskTable, crc)) ||
        memcmp(d.id, &h->id, sizeof(d.id)) ||
        le32_to_cpu(d.block) != block) {
        return false;
    }
    zoned_table_entries(h, block, entries, buf);
    *sum = le32_to_cpu(d.crc);
    return true;
}

bool zoned_entry_extends(uint64_t entry, uint64_t old)
{
    return entry >> ENTRY_WP_BITS == old >> ENTRY_WP_BITS && entry >= old;
}

uint64_t zoned_entry_extend(uint64_t entry, uint64_t end)
{
    return (entry & ~ENTRY_WP_MASK) | MAX(zoned_entry_wp(entry), end);
}

uint64_t zoned_entry(BlockZoneState state, uint64_t wp)
{
    uint64_t kind;

    assert(!(wp & ~ENTRY_WP_MASK));
    switch (state) {
    case BLK_ZS_FULL:
        kind = ENTRY_FINISHED;
        break;
    case BLK_ZS_RDONLY:
        kind = ENTRY_RDONLY;
        break;
    case BLK_ZS_OFFLINE:
        kind = ENTRY_OFFLINE;
        break;
    default:
        kind = ENTRY_BY_WP;
        break;
    }
    return kind << ENTRY_WP_BITS | wp;
}

uint64_t zoned_entry_wp(uint64_t entry)
{
    return entry & ENTRY_WP_MASK;
}

bool zoned_entry_parse(const ZonedHeader *h, uint32_t i, uint64_t entry,
                       BlockZoneState *state, uint64_t *wp)
{
    uint64_t capacity = zone_geometry_capacity(&h->geometry, i);

    *wp = zoned_entry_wp(entry);
    if (zone_geometry_is_conventional(&h->geometry, i)) {
        *state = BLK_ZS_NOT_WP;
        return entry == 0;
    }

    switch (entry >> ENTRY_WP_BITS) {
    case ENTRY_BY_WP:
        *state = zone_geometry_state(&h->geometry, i, *wp);
        break;
    case ENTRY_FINISHED:
        *state = BLK_ZS_FULL;
        break;
    case ENTRY_RDONLY:
        *state = BLK_ZS_RDONLY;
        break;
    case ENTRY_OFFLINE:
        *state = BLK_ZS_OFFLINE;
        break;
    default:
        return false;
    }
    return *wp <= capacity && *wp % h->geometry.write_granularity == 0;
}

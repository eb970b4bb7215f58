/*
 * The zoned image format: what its blocks hold and how they are encoded
 *
 * The layout and its reasons are described in docs/interop/zoned.rst.
 * Nothing here does I/O.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BLOCK_ZONED_LAYOUT_H
#define BLOCK_ZONED_LAYOUT_H

#include "block/zone-set.h"
#include "qemu/units.h"
#include "qemu/uuid.h"

/* Unit of metadata: each header, root and block of the zone table */
#define ZONED_BLOCK_SIZE        4096

#define ZONED_MAGIC             "QZONED\x1a\xfb"
#define ZONED_MAGIC_LEN         8
#define ZONED_VERSION           2

/* There are two copies of each block of metadata, at least so far apart */
#define ZONED_COPIES            2
#define ZONED_COPY_DISTANCE     (512 * KiB)

/* The zones begin at a multiple of this, so that they can be punched out */
#define ZONED_DATA_ALIGN        (1 * MiB)

/* How many zones one block of the table describes */
#define ZONED_TABLE_HEADER      32
#define ZONED_ZONES_PER_BLOCK   \
    ((ZONED_BLOCK_SIZE - ZONED_TABLE_HEADER) / sizeof(uint64_t))

/* How many blocks of the table one root can tell the current copy of */
#define ZONED_ROOT_HEADER       64
#define ZONED_MAX_TABLE_BLOCKS  ((ZONED_BLOCK_SIZE - ZONED_ROOT_HEADER) * 8)
#define ZONED_MAX_ZONES         (ZONED_MAX_TABLE_BLOCKS * ZONED_ZONES_PER_BLOCK)

/* How many deltas one root can have, and how much new data these can have */
#define ZONED_MAX_DELTAS        64
#define ZONED_MAX_SUMMED_BYTES  (4 * MiB)

/* Of a delta in a root, and how it is aligned */
#define ZONED_DELTA_SIZE        24
#define ZONED_DELTA_ALIGN       8

/* Keys and datasums are below this */
#define ZONED_DATASUM_PRIME     ((1ULL << 61) - 1)

/* Bounds of the creation options; the rest follows from ZoneGeometry */
#define ZONED_MIN_GRANULARITY   512
#define ZONED_MAX_GRANULARITY   (64 * KiB)
#define ZONED_MAX_ZONE_SIZE     (1 * TiB)

/*
 * ZonedHeader: what an open image never changes.
 *
 * @geometry: of the disk
 * @max_append_bytes: longest zone append
 * @id: marks each block of metadata of this image, so that blocks of an
 *      image that used the same space earlier are not taken for its own
 * @revision: of two headers with the same id, the one with more counts
 * @data_offset: where zone 0 begins in the file
 * @table_offset: where each copy of the zone table begins in the file
 * @table_room: how many blocks there is room for in each copy
 * @datasum_key: of the datasums in the roots
 */
typedef struct ZonedHeader {
    ZoneGeometry geometry;
    uint64_t max_append_bytes;
    QemuUUID id;
    uint32_t revision;
    uint64_t data_offset;
    uint64_t table_offset[ZONED_COPIES];
    uint32_t table_room;
    uint64_t datasum_key;
} ZonedHeader;

/*
 * ZonedDelta: a zone that has more data than the table says.
 *
 * @zone: its number
 * @summed: how many bytes, the last ones of the data, are covered by @sum; they
 *          may not have been durable when the root was written
 * @end: where the data ends, relative to the zone's start
 * @sum: datasum of these bytes
 */
typedef struct ZonedDelta {
    uint32_t zone;
    uint32_t summed;
    uint64_t end;
    uint64_t sum;
} ZonedDelta;

/*
 * ZonedRoot: one committed state of the zone table.
 *
 * @generation: goes up by one with each commit; the newest intact root counts
 * @table_sum: sum of the checksums of the table's current blocks
 * @table_blocks: how many blocks the table has; zones behind these are empty
 * @clean: the image was closed: both copies of every block are the same
 * @nr_deltas: how many zones have more data than the table says
 * @deltas: these, in their order
 * @second: for each block of the table, whether its current copy is the
 *          second one
 */
typedef struct ZonedRoot {
    uint64_t generation;
    uint64_t table_sum;
    uint32_t table_blocks;
    bool clean;
    uint32_t nr_deltas;
    ZonedDelta deltas[ZONED_MAX_DELTAS];
    uint8_t second[ZONED_BLOCK_SIZE - ZONED_ROOT_HEADER];
} ZonedRoot;

/* Where copy @copy of the header, and of the root, is in the file */
static inline uint64_t zoned_header_offset(int copy)
{
    return copy * ZONED_COPY_DISTANCE;
}

static inline uint64_t zoned_root_offset(int copy)
{
    return zoned_header_offset(copy) + ZONED_BLOCK_SIZE;
}

/* How many blocks the zone table has when all of it was written */
static inline uint32_t zoned_table_blocks(const ZonedHeader *h)
{
    return DIV_ROUND_UP(zone_geometry_nr_zones(&h->geometry),
                        ZONED_ZONES_PER_BLOCK);
}

/* The block of the zone table that describes zone @zone */
static inline uint32_t zoned_zone_block(uint32_t zone)
{
    return zone / ZONED_ZONES_PER_BLOCK;
}

/* The first zone that block @block of the zone table describes */
static inline uint32_t zoned_block_first_zone(uint32_t block)
{
    return block * ZONED_ZONES_PER_BLOCK;
}

/* How many zones block @block of the zone table describes */
static inline uint32_t zoned_block_nr_zones(const ZonedHeader *h,
                                            uint32_t block)
{
    return MIN(ZONED_ZONES_PER_BLOCK, zone_geometry_nr_zones(&h->geometry) -
                                      zoned_block_first_zone(block));
}

/* Where in a root with @table_blocks the deltas begin: behind @second */
static inline uint32_t zoned_root_deltas_offset(uint32_t table_blocks)
{
    return ROUND_UP(ZONED_ROOT_HEADER + DIV_ROUND_UP(table_blocks, 8),
                    ZONED_DELTA_ALIGN);
}

/* How many there can be */
static inline uint32_t zoned_root_max_deltas(uint32_t table_blocks)
{
    return MIN(ZONED_MAX_DELTAS,
               (ZONED_BLOCK_SIZE - zoned_root_deltas_offset(table_blocks)) /
               ZONED_DELTA_SIZE);
}

/* Where copy @copy of block @block of the zone table is in the file */
static inline uint64_t zoned_table_offset(const ZonedHeader *h, int copy,
                                          uint32_t block)
{
    return h->table_offset[copy] + (uint64_t)block * ZONED_BLOCK_SIZE;
}

/* How many zones the image can grow to */
static inline uint64_t zoned_max_zones(const ZonedHeader *h)
{
    return (uint64_t)h->table_room * ZONED_ZONES_PER_BLOCK;
}

/* The file is at least this long */
static inline uint64_t zoned_file_size(const ZonedHeader *h)
{
    return h->data_offset + h->geometry.size;
}

/* Which copy of block @block of the zone table is the current one */
static inline int zoned_root_copy(const ZonedRoot *r, uint32_t block)
{
    return (r->second[block / 8] >> (block % 8)) & 1;
}

static inline void zoned_root_flip(ZonedRoot *r, uint32_t block)
{
    r->second[block / 8] ^= 1u << (block % 8);
}

/* Whether @r was written after @other; generations may wrap around */
static inline bool zoned_root_is_newer(const ZonedRoot *r,
                                       const ZonedRoot *other)
{
    return (int64_t)(r->generation - other->generation) > 0;
}

/*
 * zoned_header_init: fill in what follows from @h->geometry: the places of the
 * table and of the zones.  There is room for twice as many zones, if there can
 * be so many.  The image gets a new id; the key is set by the caller.
 */
void zoned_header_init(ZonedHeader *h);

/*
 * zoned_header_check: whether an image can be like @h.  The error names the
 * creation option, its value and its bound.
 */
bool zoned_header_check(const ZonedHeader *h, Error **errp);

/* zoned_header_probe: whether @buf starts like a zoned image */
bool zoned_header_probe(const uint8_t *buf, size_t len);

/* zoned_header_encode: into @buf, ZONED_BLOCK_SIZE bytes */
void zoned_header_encode(const ZonedHeader *h, uint8_t *buf);

/*
 * zoned_header_decode: from @buf, ZONED_BLOCK_SIZE bytes.
 *
 * Returns 0; -EINVAL: not a zoned image, or damaged; -ENOTSUP: of another
 * version, or with features that are not known here.
 */
int zoned_header_decode(ZonedHeader *h, const uint8_t *buf, Error **errp);

/* zoned_root_encode: into @buf, ZONED_BLOCK_SIZE bytes */
void zoned_root_encode(const ZonedHeader *h, const ZonedRoot *r, uint8_t *buf);

/* zoned_root_decode: returns false if @buf is torn, damaged or not ours */
bool zoned_root_decode(const ZonedHeader *h, ZonedRoot *r, const uint8_t *buf);

/*
 * zoned_root_set_delta: let @r have @delta, in place of one of the same zone.
 * Returns false if there is no room for one more.
 */
bool zoned_root_set_delta(ZonedRoot *r, const ZonedDelta *delta);

/*
 * zoned_table_encode: block @block of the zone table, with @entries for the
 * zones that it describes.  Returns its checksum.
 */
uint32_t zoned_table_encode(const ZonedHeader *h, uint32_t block,
                            const uint64_t *entries, uint8_t *buf);

/* zoned_table_entries: what was encoded into @buf, which is not checked */
void zoned_table_entries(const ZonedHeader *h, uint32_t block,
                         uint64_t *entries, const uint8_t *buf);

/*
 * zoned_table_decode: the reverse; sets @entries and *@sum.  Returns false if
 * @buf is torn, damaged or not ours; @entries is not changed then.
 */
bool zoned_table_decode(const ZonedHeader *h, uint32_t block,
                        uint64_t *entries, const uint8_t *buf, uint32_t *sum);

/*
 * zoned_entry: one zone in the table, as its state and how much of it holds
 * data, relative to its start.  Open zones are recorded as what they become
 * when the power goes: closed or empty.
 */
uint64_t zoned_entry(BlockZoneState state, uint64_t wp);

/* zoned_entry_wp: how much of the zone with this entry holds data */
uint64_t zoned_entry_wp(uint64_t entry);

/* zoned_entry_extends: whether @entry is @old, or that with more data */
bool zoned_entry_extends(uint64_t entry, uint64_t old);

/* zoned_entry_extend: @entry with data up to @end, if that is more */
uint64_t zoned_entry_extend(uint64_t entry, uint64_t end);

/*
 * zoned_entry_parse: the state in which zone @i comes back.  Returns false if
 * @entry is none that zoned_entry() makes for this zone.
 */
bool zoned_entry_parse(const ZonedHeader *h, uint32_t i, uint64_t entry,
                       BlockZoneState *state, uint64_t *wp);

#endif /* BLOCK_ZONED_LAYOUT_H */

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
#define ZONED_VERSION           1

/* There are two copies of each block of metadata */
#define ZONED_COPIES            2

/* Fixed places, in units of ZONED_BLOCK_SIZE */
#define ZONED_HEADER_BLOCK      0
#define ZONED_ROOT_BLOCK        (ZONED_HEADER_BLOCK + ZONED_COPIES)
#define ZONED_TABLE_BLOCK       (ZONED_ROOT_BLOCK + ZONED_COPIES)

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

/* How many tails one root can have, and how much of these it can prove */
#define ZONED_MAX_TAILS         64
#define ZONED_MAX_PROVEN_BYTES  (4 * MiB)

/* Of a tail in a root; it is aligned so */
#define ZONED_TAIL_SIZE         16

/* Bounds of the creation options; the rest follows from ZoneGeometry */
#define ZONED_MIN_GRANULARITY   512
#define ZONED_MAX_GRANULARITY   (64 * KiB)
#define ZONED_MAX_ZONE_SIZE     (1 * TiB)

/**
 * ZonedHeader: what never changes after creation.
 *
 * @geometry: of the disk
 * @max_append_bytes: longest zone append
 * @id: marks each block of metadata of this image, so that blocks of an
 *      image that used the same space earlier are not taken for its own
 * @data_offset: where zone 0 begins in the file
 * @has_tails: roots can have tails; false in images of an early version
 */
typedef struct ZonedHeader {
    ZoneGeometry geometry;
    uint64_t max_append_bytes;
    QemuUUID id;
    uint64_t data_offset;
    bool has_tails;
} ZonedHeader;

/**
 * ZonedTail: a zone that has more data than the table says.
 *
 * @zone: its number
 * @proven: how many bytes, the last ones of the data, the root proves
 * @end: where the data ends, relative to the zone's start
 */
typedef struct ZonedTail {
    uint32_t zone;
    uint32_t proven;
    uint64_t end;
} ZonedTail;

/**
 * ZonedRoot: one committed state of the zone table.
 *
 * @generation: goes up by one with each commit; the newest intact root counts
 * @table_sum: sum of the checksums of the table's current blocks
 * @clean: the image was closed: both copies of every block are the same
 * @tails: zones that have more data than the table says, in their order
 * @nr_tails: how many these are
 * @proof: the root counts only if this is the CRC-32 of what the tails prove
 * @second: for each block of the table, whether its current copy is the
 *          second one
 */
typedef struct ZonedRoot {
    uint64_t generation;
    uint64_t table_sum;
    bool clean;
    uint32_t nr_tails;
    uint32_t proof;
    ZonedTail tails[ZONED_MAX_TAILS];
    uint8_t second[ZONED_BLOCK_SIZE - ZONED_ROOT_HEADER];
} ZonedRoot;

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

/* Where in a root the tails begin: behind @second */
static inline uint32_t zoned_root_tails_offset(const ZonedHeader *h)
{
    return ROUND_UP(ZONED_ROOT_HEADER + DIV_ROUND_UP(zoned_table_blocks(h), 8),
                    ZONED_TAIL_SIZE);
}

/* How many there can be */
static inline uint32_t zoned_root_max_tails(const ZonedHeader *h)
{
    return h->has_tails ? MIN(ZONED_MAX_TAILS,
                              (ZONED_BLOCK_SIZE - zoned_root_tails_offset(h)) /
                              ZONED_TAIL_SIZE) : 0;
}

/* Where copy @copy of block @block of the zone table is in the file */
static inline uint64_t zoned_table_offset(const ZonedHeader *h, int copy,
                                          uint32_t block)
{
    return (ZONED_TABLE_BLOCK + (uint64_t)copy * zoned_table_blocks(h) + block)
           * ZONED_BLOCK_SIZE;
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

/**
 * zoned_header_init: fill in what follows from @h->geometry: the place of
 * the zones, a new id, and the features of this version.
 */
void zoned_header_init(ZonedHeader *h);

/**
 * zoned_header_check: whether an image can be like @h.  The error names the
 * creation option, its value and its bound.
 */
bool zoned_header_check(const ZonedHeader *h, Error **errp);

/** zoned_header_probe: whether @buf starts like a zoned image */
bool zoned_header_probe(const uint8_t *buf, size_t len);

/** zoned_header_encode: into @buf, ZONED_BLOCK_SIZE bytes */
void zoned_header_encode(const ZonedHeader *h, uint8_t *buf);

/**
 * zoned_header_decode: from @buf, ZONED_BLOCK_SIZE bytes.
 *
 * Returns 0; -EINVAL: not a zoned image, or damaged; -ENOTSUP: made by a
 * newer version, with features that are not known here.
 */
int zoned_header_decode(ZonedHeader *h, const uint8_t *buf, Error **errp);

/** zoned_root_encode: into @buf, ZONED_BLOCK_SIZE bytes */
void zoned_root_encode(const ZonedHeader *h, const ZonedRoot *r, uint8_t *buf);

/**
 * zoned_root_decode: returns false if @buf is torn, damaged or not ours.
 *
 * In an image without tails, a root with @nr_tails is one of an early version,
 * which had another meaning for them; @tails is not set then.
 */
bool zoned_root_decode(const ZonedHeader *h, ZonedRoot *r, const uint8_t *buf);

/**
 * zoned_root_set_tail: let @r say that the data of zone @zone ends at @end, and
 * prove the last @proven bytes of it.  Returns false if there is no room for
 * one more tail.
 */
bool zoned_root_set_tail(const ZonedHeader *h, ZonedRoot *r, uint32_t zone,
                         uint64_t end, uint32_t proven);

/**
 * zoned_table_encode: block @block of the zone table, with @entries for the
 * zones that it describes.  Returns its checksum.
 */
uint32_t zoned_table_encode(const ZonedHeader *h, uint32_t block,
                            const uint64_t *entries, uint8_t *buf);

/** zoned_table_entries: what was encoded into @buf, which is not checked */
void zoned_table_entries(const ZonedHeader *h, uint32_t block,
                         uint64_t *entries, const uint8_t *buf);

/**
 * zoned_table_decode: the reverse; sets @entries and *@sum.  Returns false if
 * @buf is torn, damaged or not ours; @entries is not changed then.
 */
bool zoned_table_decode(const ZonedHeader *h, uint32_t block,
                        uint64_t *entries, const uint8_t *buf, uint32_t *sum);

/**
 * zoned_entry: one zone in the table, as its state and how much of it holds
 * data, relative to its start.  Open zones are recorded as what they become
 * when the power goes: closed or empty.
 */
uint64_t zoned_entry(BlockZoneState state, uint64_t wp);

/** zoned_entry_wp: how much of the zone with this entry holds data */
uint64_t zoned_entry_wp(uint64_t entry);

/** zoned_entry_extends: whether @entry is @old, or that with more data */
bool zoned_entry_extends(uint64_t entry, uint64_t old);

/** zoned_entry_extend: @entry with data up to @end, if that is more */
uint64_t zoned_entry_extend(uint64_t entry, uint64_t end);

/**
 * zoned_entry_parse: the state in which zone @i comes back.  Returns false if
 * @entry is none that zoned_entry() makes for this zone.
 */
bool zoned_entry_parse(const ZonedHeader *h, uint32_t i, uint64_t entry,
                       BlockZoneState *state, uint64_t *wp);

/**
 * zoned_entry_correct: what a repair makes of @entry of zone @i.  If it is
 * possible, the same; of a conventional zone, 0.  If it tells of more data
 * than the zone can have, then all of the zone's capacity is data; of
 * anything else nothing is known, and the zone is offline.
 */
uint64_t zoned_entry_correct(const ZonedHeader *h, uint32_t i, uint64_t entry);

#endif /* BLOCK_ZONED_LAYOUT_H */

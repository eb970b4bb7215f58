/*
 * Crash laboratory: a medium with a volatile write cache, as a block node
 *
 * The medium is in memory.  It writes down each write, discard and flush, and
 * when it began and ended, so that the content after a power cut at any moment
 * can be made up: a write that had completed before a flush began that has
 * completed is there; of every other write, any part may be there or not.
 *
 * Moments are counted by a clock that the whole laboratory shares.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_CRASH_MEDIUM_H
#define TESTS_CRASH_MEDIUM_H

#include "block/block_int.h"
#include "block/zoned-layout.h"

#define NEVER UINT64_MAX

/*
 * Metadata is in two areas, at the beginning and half a MiB from there; what is
 * behind each of them is not kept
 */
#define MEDIUM_AREA_SIZE (64 * KiB)
#define MEDIUM_META_SIZE (2 * MEDIUM_AREA_SIZE)

/*
 * A write or discard.
 *
 * @offset: on the medium
 * @data: NULL for a discard
 * @submitted, @completed: moments
 * @durable: moment from which on no power cut can undo it
 */
typedef struct MediumWrite {
    uint64_t offset;
    uint64_t bytes;
    uint8_t *data;
    uint64_t submitted;
    uint64_t completed;
    uint64_t durable;
} MediumWrite;

/* Which bytes of a write have reached the medium: [from, to) of its data */
typedef struct MediumPart {
    uint64_t from;
    uint64_t to;
} MediumPart;

typedef struct MediumRequest MediumRequest;

/*
 * @clock: of the laboratory
 * @data_offset: where the zones begin
 * @length: of the medium
 * @size: of @content and @base
 * @content: what a reader sees, the cache included
 * @base: content at the time when @log was empty
 * @log: MediumWrite, in the order in which they were submitted
 * @pending: MediumRequest, held until medium_complete()
 * @hold: whether new requests are held
 * @dead: the program that uses the medium was killed: it reaches it no more
 * @last_was_table: the last write that completed was to the zone table
 * @overlap: a write was submitted where another was in flight
 */
typedef struct Medium {
    uint64_t *clock;
    uint64_t data_offset;
    uint64_t length;
    size_t size;
    uint8_t *content;
    uint8_t *base;
    GPtrArray *log;
    GPtrArray *pending;
    bool hold;
    bool dead;
    bool last_was_table;
    bool overlap;
} Medium;

/* The medium is all zeroes */
Medium *medium_new(uint64_t data_offset, uint64_t length, uint64_t *clock);
void medium_free(Medium *m);

/* The medium below the node @bs; NULL if it is another kind of node */
Medium *medium_of(BlockDriverState *bs);

/* Whether a write to @offset of a medium is to a header or a root */
static inline bool medium_is_root(uint64_t offset)
{
    return offset < ZONED_COPIES * ZONED_COPY_DISTANCE &&
           offset % ZONED_COPY_DISTANCE < 2 * ZONED_BLOCK_SIZE;
}

/* Where byte @offset of the medium is in its content */
size_t medium_index(const Medium *m, uint64_t offset);

/* A node on @m, called @node_name; it does not own @m */
BlockDriverState *medium_open(Medium *m, const char *node_name);

/* End pending request @n, and let happen what comes of it */
void medium_complete(Medium *m, unsigned n);

/*
 * The program is killed.  Of what is in flight, part has reached the medium's
 * cache (@choose gives it, as a number below its argument), the rest never
 * will.  All requests fail until medium_revive().
 */
void medium_kill(Medium *m, uint64_t (*choose)(void *opaque, uint64_t n),
                 void *opaque);
void medium_revive(Medium *m);

/*
 * Write into @image (of @m->size bytes, perhaps @m->base itself) what a power
 * cut at @moment leaves; @parts says what there is of each write in the log
 * that is in doubt.
 */
void medium_image(const Medium *m, uint64_t moment, const MediumPart *parts,
                  uint8_t *image);

/* Whether a power cut at @moment may undo @w, and @w was on its way by then */
static inline bool medium_in_doubt(const MediumWrite *w, uint64_t moment)
{
    return w->submitted < moment && w->durable >= moment;
}

/* The power was cut and what is in @m->base is all that is left */
void medium_restart(Medium *m);

#endif /* TESTS_CRASH_MEDIUM_H */

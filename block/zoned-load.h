/*
 * The zoned image format: find out what an image holds
 *
 * Which header and which root count, whether the data is there that the root
 * may be ahead of, and the zone table.  Nothing is written here.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BLOCK_ZONED_LOAD_H
#define BLOCK_ZONED_LOAD_H

#include "zoned-meta.h"

/* Whether the new data of a delta is there */
typedef enum ZonedDeltaState {
    ZONED_DELTA_DURABLE,    /* it was, before the root was written */
    ZONED_DELTA_THERE,      /* its datasum is right */
    ZONED_DELTA_MISSING,    /* its datasum is wrong, or that of another one */
    ZONED_DELTA_UNREADABLE, /* nobody knows */
} ZonedDeltaState;

/*
 * ZonedFound: what was found in an image, beyond the ZonedMeta.
 *
 * Of each copy of the header and the root: 0: it is intact; -EINVAL: it is
 * damaged; -ENOTSUP: it is of another version; or why it cannot be read.
 *
 * @repair: set by the caller: what is lost does not keep the rest from being
 *          loaded; sequential zones of which nothing is known are offline
 * @headers, @roots: of each copy, as above
 * @header_errors: of each copy of the header, in words; NULL: it is intact
 * @header_copy: the header that counts
 * @headers_differ: both are intact, but not the same
 * @ids_differ: nor are they even of the same image
 * @header_unsure: and each of these images has a root, or neither has
 * @roots_agree: both are intact, with the same generation
 * @root_block: the root that counts, as it was read
 * @nr_deltas: how many it has
 * @deltas: these, as it has them
 * @states: of each delta
 * @data: of each delta that is ZONED_DELTA_THERE: the data, as it was read
 * @lost: with @repair: the blocks of the table of which no good copy was found
 * @root_lost: with @repair: there is no root; the one in the ZonedMeta was made
 *             up of blocks of which it makes no difference which copy counts
 */
typedef struct ZonedFound {
    bool repair;
    int headers[ZONED_COPIES];
    Error *header_errors[ZONED_COPIES];
    int header_copy;
    bool headers_differ;
    bool ids_differ;
    bool header_unsure;
    int roots[ZONED_COPIES];
    bool roots_agree;
    uint8_t *root_block;
    uint32_t nr_deltas;
    ZonedDelta deltas[ZONED_MAX_DELTAS];
    ZonedDeltaState states[ZONED_MAX_DELTAS];
    uint8_t *data[ZONED_MAX_DELTAS];
    unsigned long *lost;
    bool root_lost;
} ZonedFound;

/* zoned_headers_are_equal: whether they say the same of the same image */
bool zoned_headers_are_equal(const ZonedHeader *a, const ZonedHeader *b);

/*
 * zoned_load_header: the header that counts, into @m->header.  @m->file is set.
 *
 * Returns 0; -EINVAL: neither copy is intact; -ENOTSUP: one is of another
 * version; or the error of the read if neither can be read.
 */
int zoned_load_header(ZonedMeta *m, ZonedFound *f, Error **errp);

/*
 * zoned_load_table: after zoned_load_header() and zoned_meta_init(), the root
 * and the table.  @m->root says of each zone what is certain: where new data is
 * missing, all zones are as they were before the commit; where some cannot be
 * read, the zone ends before it.  The entries say that such a zone is
 * read-only, with that data.
 *
 * Returns 0; -EINVAL: the root, or a block of the table, has no good copy that
 * counts, or the table is not the one of its root (the latter with @f->repair
 * too); or the error of a read, where no other copy is as good.
 */
int zoned_load_table(ZonedMeta *m, ZonedFound *f, Error **errp);

/*
 * zoned_load_zones: the zones of @m, from what its entries say.  A repair
 * corrects these before.
 *
 * Returns 0; -EINVAL: an entry is impossible, or too many zones are closed.
 */
int zoned_load_zones(ZonedMeta *m, Error **errp);

/* zoned_found_count: how many deltas are in @state */
uint32_t zoned_found_count(const ZonedFound *f, ZonedDeltaState state);

/*
 * zoned_found_certain: whether the image may be written as it was found.
 * Returns false, and says why, where a copy that cannot be read could hold
 * what was flushed last, or where there are headers of two images.
 */
bool zoned_found_certain(const ZonedMeta *m, const ZonedFound *f, Error **errp);

/* zoned_found_warn: say what is odd in the image, but does not harm it */
void zoned_found_warn(const ZonedMeta *m, const ZonedFound *f);

/* zoned_found_destroy: free what is in @f */
void zoned_found_destroy(ZonedFound *f);

#endif /* BLOCK_ZONED_LOAD_H */

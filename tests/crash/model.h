/*
 * Crash laboratory: what the guest was told, and what it may find after a
 * crash
 *
 * Of each sequential zone the model knows all states that it went through, in
 * order.  After a crash the zone has to be in one of them: not an earlier one
 * than a completed flush has made durable, and none that had not been asked
 * for at that moment.  Of a conventional zone it knows all writes.
 *
 * Nothing is taken from the image format here: the model could be that of a
 * real disk.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_CRASH_MODEL_H
#define TESTS_CRASH_MODEL_H

#include "block/zone-set.h"

#define SECTOR 512
#define NEVER UINT64_MAX

/*
 * A state of a zone, reached by one request.
 *
 * @submitted, @told: moments of that request
 * @first: index of the state with which this life of the zone began, by a
 *         reset or with the image
 * @wp: relative to the zone's start
 * @finished: by a finish, whatever was written
 * @stamp: marks the data between the previous state's @wp and this one's;
 *         0: zeroes
 */
typedef struct ZoneVersion {
    uint64_t submitted;
    uint64_t told;
    unsigned first;
    uint64_t wp;
    bool finished;
    uint32_t stamp;
} ZoneVersion;

/*
 * @versions: ZoneVersion
 * @floor: index of a version that no crash can take back any more
 * @fixed: BLK_ZS_RDONLY or BLK_ZS_OFFLINE for ever, or BLK_ZS_EMPTY
 */
typedef struct ZoneModel {
    GArray *versions;
    unsigned floor;
    BlockZoneState fixed;
} ZoneModel;

/* A write to a conventional zone */
typedef struct ConvWrite {
    uint64_t offset;
    uint64_t bytes;
    uint32_t stamp;
    uint64_t submitted;
    uint64_t told;
} ConvWrite;

/* @floors: of each zone, what this flush has made durable */
typedef struct FlushModel {
    uint64_t submitted;
    uint64_t told;
    unsigned *floors;
} FlushModel;

typedef struct Model {
    ZoneGeometry geometry;
    uint32_t nr_zones;
    ZoneModel *zones;
    GPtrArray *conv;        /* ConvWrite */
    uint32_t *conv_base;    /* stamp of each conventional sector before these */
    GPtrArray *flushes;     /* FlushModel */
} Model;

Model *model_new(const ZoneGeometry *g);
void model_free(Model *m);

ZoneVersion *model_version(Model *m, uint32_t zone, unsigned i);
ZoneVersion *model_last(Model *m, uint32_t zone);

/* A request that is to take the zone to a new state begins */
void model_add(Model *m, uint32_t zone, const ZoneVersion *v);

/* It was refused: the newest state of the zone will not be */
void model_drop(Model *m, uint32_t zone);

ConvWrite *model_add_conv(Model *m, const ConvWrite *w);
void model_flushed(Model *m, uint64_t submitted, uint64_t told);

/*
 * What a zone is found like, by a report and by reading all of it.
 *
 * @state, @wp: as reported; @wp is relative to the zone's start
 * @data: of the whole length; NULL if the zone cannot be read
 */
typedef struct ZoneView {
    BlockZoneState state;
    uint64_t wp;
    const uint8_t *data;
} ZoneView;

/*
 * Whether zone @zone may be found like @view after a crash at @moment.
 * Returns NULL and sets *@version to the version of a sequential zone that
 * it is; or says what is wrong.
 */
char *model_check(Model *m, uint32_t zone, uint64_t moment,
                  const ZoneView *view, unsigned *version);

/*
 * The zone was found to be in @version, and lives on from there.  @durable:
 * no later crash can take it back, as after a power cut.
 */
void model_adopt(Model *m, uint32_t zone, unsigned version, bool durable);

/* The power was cut, and the conventional zone has this content now */
void model_adopt_conv(Model *m, uint32_t zone, const uint8_t *data);

/* Fill [@offset, @offset + @bytes) of the disk's data with what @stamp marks */
void model_fill(uint8_t *buf, uint64_t offset, uint64_t bytes, uint32_t stamp);

#endif /* TESTS_CRASH_MODEL_H */

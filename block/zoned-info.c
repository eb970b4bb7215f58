/*
 * The zoned image format: what qemu-img info and query-block tell of it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/qapi-types-block-core.h"
#include "zoned.h"

static ZoneStateCounts *count_states(const ZoneSet *zones)
{
    ZoneStateCounts *c = g_new(ZoneStateCounts, 1);

    *c = (ZoneStateCounts) {
        .not_wp = zone_set_count(zones, BLK_ZS_NOT_WP),
        .empty = zone_set_count(zones, BLK_ZS_EMPTY),
        .imp_open = zone_set_count(zones, BLK_ZS_IOPEN),
        .exp_open = zone_set_count(zones, BLK_ZS_EOPEN),
        .closed = zone_set_count(zones, BLK_ZS_CLOSED),
        .full = zone_set_count(zones, BLK_ZS_FULL),
        .read_only = zone_set_count(zones, BLK_ZS_RDONLY),
        .offline = zone_set_count(zones, BLK_ZS_OFFLINE),
    };
    return c;
}

ImageInfoSpecific *zoned_specific_info(const BDRVZonedState *s)
{
    const ZonedMeta *m = &s->meta;
    const ZoneGeometry *g = &m->header.geometry;
    ImageInfoSpecificZoned *z = g_new(ImageInfoSpecificZoned, 1);
    ImageInfoSpecific *info = g_new(ImageInfoSpecific, 1);

    *z = (ImageInfoSpecificZoned) {
        .zone_size = g->zone_size,
        .zone_capacity = g->zone_capacity,
        .nr_zones = zone_geometry_nr_zones(g),
        .conventional_zones = g->conventional_zones,
        .max_open_zones = g->max_open_zones,
        .max_active_zones = g->max_active_zones,
        .max_append_bytes = m->header.max_append_bytes,
        .write_granularity = g->write_granularity,
        .data_offset = m->header.data_offset,
        .max_zones = zoned_max_zones(&m->header),
        .cut_zones = s->cut_zones,
        .zones = count_states(m->zones),
    };
    *info = (ImageInfoSpecific) {
        .type = IMAGE_INFO_SPECIFIC_KIND_ZONED,
        .u.zoned.data = z,
    };
    return info;
}

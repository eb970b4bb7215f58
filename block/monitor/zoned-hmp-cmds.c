/*
 * HMP commands for zoned block devices
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qapi-commands-block-zone-faults.h"
#include "qapi/qmp/qdict.h"
#include "qapi/util.h"
#include "qemu/coroutine.h"
#include "qemu/cutils.h"
#include "block/block-hmp-cmds.h"
#include "monitor/hmp.h"

void coroutine_fn hmp_blockdev_set_zone_state(Monitor *mon,
                                              const QDict *qdict)
{
    const char *node_name = qdict_get_str(qdict, "node");
    const char *offset_str = qdict_get_str(qdict, "offset");
    const char *state_str = qdict_get_str(qdict, "state");
    Error *err = NULL;
    uint64_t offset;
    int state;

    if (qemu_strtosz(offset_str, NULL, &offset) < 0) {
        error_setg(&err, "offset is '%s', but must be a number of bytes, for "
                   "which suffixes like k, M and G can be used", offset_str);
        goto out;
    }
    state = qapi_enum_parse(&BlockdevZoneState_lookup, state_str, -1, NULL);
    if (state < 0) {
        error_setg(&err, "state is '%s', but must be 'usable', 'read-only' or "
                   "'offline'", state_str);
        goto out;
    }
    qmp_blockdev_set_zone_state(node_name, offset, state, &err);

out:
    hmp_handle_error(mon, err);
}

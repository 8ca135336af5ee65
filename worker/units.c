/*
 * units.c: Units and RuntimeContexts that are mapped here, and the links between them.
 *
 * Segments are taken only with all seals; what is in them was verified by the supervisor.
 */
#include "worker/worker.h"

#include "shm/fd.h"

static void attached_release(struct rn_attached *attached)
{
    if (attached->present && attached->detached && attached->uses == 0) {
        rn_segment_done(&attached->segment);
        *attached = (struct rn_attached){.present = false};
    }
}

static enum rn_error attach_unit(struct rn_worker *worker, uint32_t index, uint32_t size, int fd)
{
    if (index >= RN_WORKER_UNITS_MAX || worker->units[index].present) {
        rn_fd_close(fd);
        return RN_E_MESSAGE_STATE;
    }
    struct rn_attached *attached = &worker->units[index];
    RN_TRY(rn_segment_take(fd, size, &attached->segment));
    struct rune_unit_image image = {attached->segment.data, attached->segment.size};
    RN_TRY(rn_unit_adopt(image, &attached->unit));
    attached->present = true;
    return RN_OK;
}

static enum rn_error check_runtime(const struct rn_segment *segment)
{
    const struct rn_runtime_header *header = segment->data;
    if (segment->size < sizeof(*header) || header->magic != RN_RUNTIME_MAGIC ||
        header->count > RN_RUNTIME_FUNCTIONS_MAX ||
        segment->size != sizeof(*header) + header->count * sizeof(struct rn_runtime_function)) {
        return RN_E_MESSAGE_INVALID;
    }
    return RN_OK;
}

static enum rn_error attach_context(struct rn_worker *worker, uint32_t index, uint32_t size, int fd)
{
    if (index == 0 || index >= RN_WORKER_CONTEXTS_MAX || worker->contexts[index].present) {
        rn_fd_close(fd);
        return RN_E_MESSAGE_STATE;
    }
    struct rn_attached *attached = &worker->contexts[index];
    RN_TRY(rn_segment_take(fd, size, &attached->segment));
    RN_TRY(check_runtime(&attached->segment));
    attached->present = true;
    return RN_OK;
}

enum rn_error rn_worker_attach(struct rn_worker *worker, const struct rn_message *message, int fd)
{
    if (message->type == RN_MESSAGE_ATTACH) {
        return attach_unit(worker, message->as.ATTACH.unit, message->as.ATTACH.size, fd);
    }
    return attach_context(worker, message->as.CONTEXT.context, message->as.CONTEXT.size, fd);
}

/* Frees links that nobody uses and that hold the table entry in use. */
static void drop_unused_links(struct rn_worker *worker, const struct rn_attached *attached)
{
    for (uint32_t i = 0; i < worker->link_count; i++) {
        struct rn_worker_link *link = &worker->links[i];
        bool concerned = link->link && (attached == &worker->units[link->unit] ||
                                        attached == &worker->contexts[link->context]);
        if (concerned && link->uses == 0) {
            rn_link_free(worker->engine, link->link);
            worker->units[link->unit].uses--;
            attached_release(&worker->units[link->unit]);
            if (link->context != 0) {
                worker->contexts[link->context].uses--;
                attached_release(&worker->contexts[link->context]);
            }
            *link = (struct rn_worker_link){.link = NULL};
        }
    }
}

enum rn_error rn_worker_detach(struct rn_worker *worker, const struct rn_message *message)
{
    bool is_unit = message->type == RN_MESSAGE_DETACH;
    uint32_t index = is_unit ? message->as.DETACH.unit : message->as.CONTEXT_DETACH.context;
    uint32_t count = is_unit ? RN_WORKER_UNITS_MAX : RN_WORKER_CONTEXTS_MAX;
    struct rn_attached *table = is_unit ? worker->units : worker->contexts;
    if (index >= count || !table[index].present || table[index].detached) {
        return RN_E_MESSAGE_STATE;
    }
    table[index].detached = true;
    drop_unused_links(worker, &table[index]);
    attached_release(&table[index]);
    return RN_OK;
}

static size_t read_functions(struct rn_worker *worker, uint32_t context)
{
    if (context == 0) {
        return 0;
    }
    const struct rn_runtime_header *header = worker->contexts[context].segment.data;
    const struct rn_runtime_function *functions = (const void *)(header + 1);
    for (uint32_t i = 0; i < header->count; i++) {
        worker->functions[i] = (struct rn_host_function){
            .hash = functions[i].hash,
            .arity = (int16_t)functions[i].arity,
            .is_async = functions[i].is_async != 0,
        };
    }
    return header->count;
}

static enum rn_error make_link(struct rn_worker *worker, struct rn_worker_link *link, uint32_t unit,
                               uint32_t context)
{
    size_t count = read_functions(worker, context);
    RN_TRY(rn_link_new(worker->engine, &worker->units[unit].unit, worker->functions, count,
                       &link->link));
    link->unit = unit;
    link->context = context;
    link->uses = 0;
    worker->units[unit].uses++;
    if (context != 0) {
        worker->contexts[context].uses++;
    }
    return RN_OK;
}

enum rn_error rn_worker_link_get(struct rn_worker *worker, uint32_t unit, uint32_t context,
                                 uint32_t *out_link)
{
    if (unit >= RN_WORKER_UNITS_MAX || !worker->units[unit].present ||
        worker->units[unit].detached || context >= RN_WORKER_CONTEXTS_MAX ||
        (context != 0 &&
         (!worker->contexts[context].present || worker->contexts[context].detached))) {
        return RN_E_MESSAGE_STATE;
    }
    uint32_t free_index = worker->link_count;
    for (uint32_t i = 0; i < worker->link_count; i++) {
        struct rn_worker_link *link = &worker->links[i];
        if (link->link && link->unit == unit && link->context == context) {
            link->uses++;
            *out_link = i;
            return RN_OK;
        }
        if (!link->link && i < free_index) {
            free_index = i;
        }
    }
    if (free_index == RN_WORKER_LINKS_MAX) {
        return RN_E_NO_MEMORY;
    }
    RN_TRY(make_link(worker, &worker->links[free_index], unit, context));
    worker->link_count += free_index == worker->link_count;
    worker->links[free_index].uses = 1;
    *out_link = free_index;
    return RN_OK;
}

void rn_worker_link_put(struct rn_worker *worker, uint32_t index)
{
    struct rn_worker_link *link = &worker->links[index];
    RN_CHECK(link->link && link->uses > 0);
    link->uses--;
    struct rn_attached *unit = &worker->units[link->unit];
    struct rn_attached *context = &worker->contexts[link->context];
    if (link->uses == 0 && (unit->detached || (link->context != 0 && context->detached))) {
        drop_unused_links(worker, unit->detached ? unit : context);
    }
}

enum rn_error rn_worker_vm_drop(struct rn_worker *worker, uint32_t handle)
{
    if (handle >= RN_WORKER_VMS_MAX) {
        return RN_E_MESSAGE_STATE;
    }
    struct rn_kept_vm *kept = &worker->vms[handle];
    if (kept->vm) {
        rn_vm_free(kept->vm);
        kept->vm = NULL;
        rn_worker_link_put(worker, kept->link);
    }
    return RN_OK;
}

enum rn_error rn_worker_function_drop(struct rn_worker *worker, uint32_t handle, uint32_t function)
{
    if (handle >= RN_WORKER_VMS_MAX || !worker->vms[handle].vm) {
        return RN_E_MESSAGE_STATE;
    }
    rn_vm_drop_function(worker->vms[handle].vm, function);
    return RN_OK;
}

/*
 * fusedev: /dev/fuse for Node, without libfuse and without knowing the protocol. One read(2) is one request, one
 * writev(2) is one reply; what is in them is the business of TypeScript (../protocol). Linux only.
 *
 * Requests land in slots of one arena that JavaScript sees. A batch is handed over as pairs [slot, length] in `ring`;
 * slots that JavaScript does not hold are free again when its callback returns. With no slot free, reading stops until
 * one is released: that is the back-pressure.
 *
 * Every function answers a number: what it made (a descriptor, bytes), or -errno. Only misuse throws.
 *
 * Memory: a Device lives until its external is collected, its poll handle is closed and no notification is under way;
 * the descriptor is closed with the last of the latter two, so no thread can meet a number that was given to another.
 */
#include <errno.h>
#include <fcntl.h>
#include <node_api.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include <uv.h>

#define MAX_SLOTS 256
#define CHECK(call) \
  do { \
    if ((call) != napi_ok) { \
      napi_throw_error(env, "ENAPI", #call); \
      return NULL; \
    } \
  } while (0)
#define ARGUMENTS(n) \
  napi_value a[n]; \
  do { \
    size_t argc = n; \
    CHECK(napi_get_cb_info(env, info, &argc, a, NULL, NULL)); \
    if (argc < n) { \
      napi_throw_type_error(env, "EINVAL", "too few arguments"); \
      return NULL; \
    } \
  } while (0)

static napi_value number(napi_env env, int64_t value) {
  napi_value result;
  CHECK(napi_create_int64(env, value, &result));
  return result;
}

/* A string argument that fits and holds no NUL, or false with an exception pending. */
static bool text(napi_env env, napi_value value, char *into, size_t size) {
  size_t needed = 0, got = 0;
  if (napi_get_value_string_utf8(env, value, NULL, 0, &needed) != napi_ok || needed >= size ||
      napi_get_value_string_utf8(env, value, into, size, &got) != napi_ok || strlen(into) != got) {
    napi_throw_type_error(env, "EINVAL", "not a string, or too long");
    return false;
  }
  return true;
}

/* ---- mounting ---- */

/* mount(source, target, type, flags, options): opens /dev/fuse and mounts it; `fd=N,` is put before the options. */
static napi_value Mount(napi_env env, napi_callback_info info) {
  ARGUMENTS(5);
  char source[256], target[4097], type[64], options[1024], data[1100];
  uint32_t flags;
  if (!text(env, a[0], source, sizeof source) || !text(env, a[1], target, sizeof target) ||
      !text(env, a[2], type, sizeof type) || !text(env, a[4], options, sizeof options)) return NULL;
  CHECK(napi_get_value_uint32(env, a[3], &flags));
  int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
  if (fd < 0) return number(env, -errno);
  snprintf(data, sizeof data, "fd=%d,%s", fd, options);
  if (mount(source, target, type, flags, data) < 0) {
    int error = errno;
    close(fd);
    return number(env, -error);
  }
  return number(env, fd);
}

/* socketPair() -> [ours, theirs]; fusermount3 sends the mounted /dev/fuse over it (_FUSE_COMMFD). */
static napi_value SocketPair(napi_env env, napi_callback_info info) {
  (void)info;
  int ends[2];
  napi_value result;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) return number(env, -errno);
  if (napi_create_array_with_length(env, 2, &result) != napi_ok ||
      napi_set_element(env, result, 0, number(env, ends[0])) != napi_ok ||
      napi_set_element(env, result, 1, number(env, ends[1])) != napi_ok) {
    close(ends[0]);
    close(ends[1]);
    napi_throw_error(env, "ENAPI", "socketPair");
    return NULL;
  }
  return result;
}

/* receive(socket) -> the descriptor that was sent over it; never waits. */
static napi_value Receive(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  int32_t socket;
  CHECK(napi_get_value_int32(env, a[0], &socket));
  char byte;
  union { char bytes[CMSG_SPACE(sizeof(int))]; struct cmsghdr align; } control;
  struct iovec part = {&byte, 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  ssize_t got;
  do got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  while (got < 0 && errno == EINTR);
  if (got < 0) return number(env, -errno);
  struct cmsghdr *c = CMSG_FIRSTHDR(&message);
  if (got == 0 || !c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
      c->cmsg_len != CMSG_LEN(sizeof(int))) return number(env, -EPROTO);
  int fd;
  memcpy(&fd, CMSG_DATA(c), sizeof fd);
  return number(env, fd);
}

static napi_value Close(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  int32_t fd;
  CHECK(napi_get_value_int32(env, a[0], &fd));
  return number(env, close(fd) < 0 ? -errno : 0);
}

/* ---- the device ---- */

typedef struct {
  napi_env env;
  int fd;
  uint32_t slots, slot_size, free_count;
  uint8_t *arena;
  int32_t *ring;
  int32_t free[MAX_SLOTS];
  bool held[MAX_SLOTS];
  bool reading, poll_open, collected;
  uint32_t notifying;
  napi_ref callback, arena_ref, ring_ref, self;
  napi_async_context context;
  napi_async_cleanup_hook_handle hook;
  uv_poll_t poll;
} Device;

static const napi_type_tag DEVICE_TAG = {0x6973746d75736675, 0x7365646576696365};

static void settle(Device *d) {
  if (d->poll_open || d->notifying) return;
  if (d->fd >= 0) {
    close(d->fd);
    d->fd = -1;
  }
  if (d->hook) {
    napi_async_cleanup_hook_handle hook = d->hook;
    d->hook = NULL;
    napi_remove_async_cleanup_hook(hook);
  }
  if (d->collected) free(d);
}

static void on_poll_closed(uv_handle_t *handle) {
  Device *d = handle->data;
  d->poll_open = false;
  settle(d);
}

static void stop_reading(Device *d) {
  if (!d->reading) return;
  d->reading = false;
  uv_poll_stop(&d->poll);
  uv_close((uv_handle_t *)&d->poll, on_poll_closed);
}

static void on_env_exit(napi_async_cleanup_hook_handle hook, void *data) {
  (void)hook;
  Device *d = data;
  d->env = NULL;
  if (d->reading) stop_reading(d);
  else settle(d);
}

/* Calls callback(count, error). */
static void deliver(Device *d, uint32_t count, int error) {
  napi_env env = d->env;
  napi_handle_scope scope;
  if (!env || napi_open_handle_scope(env, &scope) != napi_ok) return;
  napi_value callback, receiver, arguments[2], ignored, exception;
  bool pending = false;
  if (napi_get_reference_value(env, d->callback, &callback) == napi_ok &&
      napi_get_global(env, &receiver) == napi_ok && napi_create_uint32(env, count, &arguments[0]) == napi_ok &&
      napi_create_int32(env, error, &arguments[1]) == napi_ok)
    napi_make_callback(env, d->context, receiver, callback, 2, arguments, &ignored);
  if (napi_is_exception_pending(env, &pending) == napi_ok && pending &&
      napi_get_and_clear_last_exception(env, &exception) == napi_ok)
    napi_fatal_exception(env, exception);
  napi_close_handle_scope(env, scope);
}

/* Reads what is queued, one batch. EINTR: a signal; ENOENT: the request was interrupted before it was read. */
static void on_readable(uv_poll_t *handle, int status, int events) {
  (void)status, (void)events;
  Device *d = handle->data;
  uint32_t count = 0;
  int error = 0;
  while (d->free_count > 0 && count < d->slots) {
    int32_t slot = d->free[d->free_count - 1];
    ssize_t got = read(d->fd, d->arena + (size_t)slot * d->slot_size, d->slot_size);
    if (got < 0 && (errno == EINTR || errno == ENOENT)) continue;
    if (got < 0) {
      error = errno == EAGAIN ? 0 : errno;
      break;
    }
    d->free_count--;
    d->ring[2 * count] = slot;
    d->ring[2 * count + 1] = (int32_t)got;
    count++;
  }
  int32_t taken[MAX_SLOTS];
  for (uint32_t i = 0; i < count; i++) taken[i] = d->ring[2 * i];
  if (count > 0) deliver(d, count, 0);
  for (uint32_t i = count; i-- > 0;)
    if (!d->held[taken[i]]) d->free[d->free_count++] = taken[i];
  if (error != 0 && d->reading) {
    stop_reading(d);
    deliver(d, 0, error);
  }
  if (d->reading && d->free_count == 0) uv_poll_stop(&d->poll);
}

static void on_collected(napi_env env, void *data, void *hint) {
  (void)hint;
  Device *d = data;
  d->collected = true;
  d->env = NULL;
  if (d->context) napi_async_destroy(env, d->context);
  settle(d);
}

static Device *device(napi_env env, napi_value value) {
  void *data = NULL;
  bool ours = false;
  if (napi_check_object_type_tag(env, value, &DEVICE_TAG, &ours) != napi_ok || !ours ||
      napi_unwrap(env, value, &data) != napi_ok) {
    napi_throw_type_error(env, "EINVAL", "not a device");
    return NULL;
  }
  return data;
}

/* Lets JavaScript collect the object and all it holds. */
static void let_go(napi_env env, Device *d) {
  napi_ref *references[] = {&d->callback, &d->arena_ref, &d->ring_ref, &d->self};
  for (size_t i = 0; i < sizeof references / sizeof *references; i++) {
    if (*references[i]) napi_delete_reference(env, *references[i]);
    *references[i] = NULL;
  }
}

/* start(fd, slots, slotSize, callback) -> { arena, ring }, the device itself; takes the descriptor over. */
static napi_value Start(napi_env env, napi_callback_info info) {
  ARGUMENTS(4);
  int32_t fd;
  uint32_t slots, slot_size;
  CHECK(napi_get_value_int32(env, a[0], &fd));
  CHECK(napi_get_value_uint32(env, a[1], &slots));
  CHECK(napi_get_value_uint32(env, a[2], &slot_size));
  if (slots < 1 || slots > MAX_SLOTS || slot_size < 8192 || slot_size > (64 << 20)) {
    napi_throw_range_error(env, "EINVAL", "slots");
    return NULL;
  }
  uv_loop_t *loop;
  napi_value result, arena, ring, name;
  void *arena_data, *ring_data;
  CHECK(napi_get_uv_event_loop(env, &loop));
  CHECK(napi_create_object(env, &result));
  CHECK(napi_create_arraybuffer(env, (size_t)slots * slot_size, &arena_data, &arena));
  CHECK(napi_create_arraybuffer(env, (size_t)slots * 2 * sizeof(int32_t), &ring_data, &ring));
  CHECK(napi_create_string_utf8(env, "fusedev", NAPI_AUTO_LENGTH, &name));
  CHECK(napi_set_named_property(env, result, "arena", arena));
  CHECK(napi_set_named_property(env, result, "ring", ring));
  CHECK(napi_type_tag_object(env, result, &DEVICE_TAG));
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) return number(env, -errno);
  Device *d = calloc(1, sizeof *d);
  if (!d) return number(env, -ENOMEM);
  d->env = env;
  d->fd = -1; /* the caller's until nothing can fail any more */
  d->slots = slots;
  d->slot_size = slot_size;
  d->arena = arena_data;
  d->ring = ring_data;
  for (uint32_t i = slots; i-- > 0;) d->free[d->free_count++] = (int32_t)i;
  if (napi_wrap(env, result, d, on_collected, NULL, NULL) != napi_ok) {
    free(d);
    napi_throw_error(env, "ENAPI", "napi_wrap");
    return NULL;
  }
  int error = napi_async_init(env, NULL, name, &d->context) == napi_ok &&
      napi_create_reference(env, arena, 1, &d->arena_ref) == napi_ok &&
      napi_create_reference(env, ring, 1, &d->ring_ref) == napi_ok &&
      napi_create_reference(env, a[3], 1, &d->callback) == napi_ok &&
      napi_create_reference(env, result, 1, &d->self) == napi_ok &&
      napi_add_async_cleanup_hook(env, on_env_exit, d, &d->hook) == napi_ok ? 0 : -ENOMEM;
  if (!error) error = uv_poll_init(loop, &d->poll, fd);
  if (!error) {
    d->poll.data = d;
    d->poll_open = d->reading = true;
    error = uv_poll_start(&d->poll, UV_READABLE, on_readable);
    if (error) stop_reading(d);
  }
  if (error) {
    let_go(env, d);
    if (!d->poll_open) settle(d);
    return number(env, error);
  }
  d->fd = fd;
  return result;
}


/* stop(device): reads no more and closes the descriptor, which ends the mount for all who still use it. */
static napi_value Stop(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  Device *d = device(env, a[0]);
  if (!d) return NULL;
  stop_reading(d);
  let_go(env, d);
  return number(env, 0);
}

/* hold(device, slot): the slot stays ours after the callback, until release(device, slot). */
static napi_value Hold(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  uint32_t slot;
  Device *d = device(env, a[0]);
  if (!d) return NULL;
  CHECK(napi_get_value_uint32(env, a[1], &slot));
  if (slot < d->slots) d->held[slot] = true;
  return NULL;
}

static napi_value Release(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  uint32_t slot;
  Device *d = device(env, a[0]);
  if (!d) return NULL;
  CHECK(napi_get_value_uint32(env, a[1], &slot));
  if (slot >= d->slots || !d->held[slot]) return NULL;
  d->held[slot] = false;
  d->free[d->free_count++] = (int32_t)slot;
  if (d->free_count == 1 && d->reading) uv_poll_start(&d->poll, UV_READABLE, on_readable);
  return NULL;
}

/* send(device, head, headLength, data, length) -> 0: one reply, straight from both buffers. */
static napi_value Send(napi_env env, napi_callback_info info) {
  ARGUMENTS(5);
  struct iovec parts[2];
  uint32_t head_length, length;
  Device *d = device(env, a[0]);
  if (!d) return NULL;
  CHECK(napi_get_typedarray_info(env, a[1], NULL, &parts[0].iov_len, &parts[0].iov_base, NULL, NULL));
  CHECK(napi_get_value_uint32(env, a[2], &head_length));
  CHECK(napi_get_typedarray_info(env, a[3], NULL, &parts[1].iov_len, &parts[1].iov_base, NULL, NULL));
  CHECK(napi_get_value_uint32(env, a[4], &length));
  if (head_length > parts[0].iov_len || length > parts[1].iov_len) return number(env, -EINVAL);
  if (d->fd < 0) return number(env, -EBADF);
  parts[0].iov_len = head_length;
  parts[1].iov_len = length;
  return number(env, writev(d->fd, parts, length > 0 ? 2 : 1) < 0 ? -errno : 0);
}

/* ---- what may block, on a thread of the pool ---- */

typedef struct {
  Device *device; /* NULL: an unmount */
  napi_ref device_ref;
  napi_deferred deferred;
  napi_async_work work;
  int result, flags;
  size_t length;
  char bytes[];
} Job;

static void run(napi_env env, void *data) {
  (void)env;
  Job *job = data;
  if (!job->device) {
    job->result = umount2(job->bytes, job->flags) < 0 ? -errno : 0;
    return;
  }
  for (size_t at = 0; at + sizeof(uint32_t) <= job->length;) { /* messages back to back, each led by its length */
    uint32_t length;
    memcpy(&length, job->bytes + at, sizeof length);
    if (length < sizeof length || length > job->length - at) {
      job->result = -EINVAL;
      return;
    }
    ssize_t sent;
    do sent = write(job->device->fd, job->bytes + at, length);
    while (sent < 0 && errno == EINTR);
    if (sent < 0 && errno != ENOENT) job->result = -errno;
    at += length;
  }
}

static void done(napi_env env, napi_status status, void *data) {
  Job *job = data;
  napi_value result = number(env, status == napi_ok ? job->result : -ECANCELED);
  if (result) napi_resolve_deferred(env, job->deferred, result);
  if (job->device) {
    napi_delete_reference(env, job->device_ref);
    job->device->notifying--;
    settle(job->device);
  }
  napi_delete_async_work(env, job->work);
  free(job);
}

static napi_value start_job(napi_env env, Job *job, napi_value device_object) {
  napi_value promise, name;
  if (napi_create_string_utf8(env, "fusedev", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_promise(env, &job->deferred, &promise) != napi_ok ||
      napi_create_async_work(env, NULL, name, run, done, job, &job->work) != napi_ok ||
      (device_object && napi_create_reference(env, device_object, 1, &job->device_ref) != napi_ok) ||
      napi_queue_async_work(env, job->work) != napi_ok) {
    free(job);
    napi_throw_error(env, "ENAPI", "async work");
    return NULL;
  }
  if (job->device) job->device->notifying++;
  return promise;
}

/* umount(target, flags) -> promise of 0 or -errno. The kernel may want pages written back first: by us. */
static napi_value Umount(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  Job *job = calloc(1, sizeof *job + 4097);
  if (!job) return number(env, -ENOMEM);
  if (!text(env, a[0], job->bytes, 4097) || napi_get_value_int32(env, a[1], &job->flags) != napi_ok) {
    free(job);
    return NULL;
  }
  return start_job(env, job, NULL);
}

/* notify(device, messages) -> promise of 0 or -errno. A notification waits for locks that the kernel holds while it
 * waits for our replies, so it may never be written by the thread that makes them. */
static napi_value Notify(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  void *bytes;
  size_t length;
  Device *d = device(env, a[0]);
  if (!d) return NULL;
  CHECK(napi_get_typedarray_info(env, a[1], NULL, &length, &bytes, NULL, NULL));
  if (d->fd < 0) return number(env, -EBADF);
  Job *job = calloc(1, sizeof *job + length);
  if (!job) return number(env, -ENOMEM);
  job->device = d;
  job->length = length;
  memcpy(job->bytes, bytes, length);
  return start_job(env, job, a[0]);
}

NAPI_MODULE_INIT() {
  static const struct { const char *name; napi_callback call; } table[] = {
      {"mount", Mount}, {"umount", Umount}, {"socketPair", SocketPair}, {"receive", Receive}, {"close", Close},
      {"start", Start}, {"stop", Stop}, {"hold", Hold}, {"release", Release}, {"send", Send}, {"notify", Notify}};
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    napi_value function;
    CHECK(napi_create_function(env, table[i].name, NAPI_AUTO_LENGTH, table[i].call, NULL, &function));
    CHECK(napi_set_named_property(env, exports, table[i].name, function));
  }
  return exports;
}

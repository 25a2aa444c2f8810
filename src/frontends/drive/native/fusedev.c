/*
 * fusedev: /dev/fuse for Node, without libfuse and without knowing the protocol (../protocol does). One read(2) is one
 * request, one writev(2) one reply.
 *
 * Requests land in slots of one arena that JavaScript sees. A batch is handed over as pairs [slot, length] in `ring`;
 * slots that JavaScript does not hold are free again when its callback returns. With no slot free, reading stops until
 * one is released: that is the back-pressure. Functions answer what they made, or -errno; only misuse throws.
 *
 * A Device lives until its object is collected and its poll handle is closed; its descriptor is closed with the latter.
 */
#include <errno.h>
#include <node_api.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include <uv.h>

#define MAX_SLOTS 64
enum { CALLBACK, ARENA, RING, SELF, KEPT };
#define CHECK(call) if ((call) != napi_ok) return fail(env, #call)
#define DEVICE(d) Device *d = device(env, a[0]); if (!d) return NULL
#define ARGUMENTS(n) napi_value a[n]; size_t argc = n; CHECK(napi_get_cb_info(env, info, &argc, a, NULL, NULL)); \
  if (argc < n) return fail(env, "too few arguments")

static napi_value fail(napi_env env, const char *what) {
  bool pending = false;
  if (napi_is_exception_pending(env, &pending) == napi_ok && !pending) napi_throw_type_error(env, "EINVAL", what);
  return NULL;
}
static napi_value number(napi_env env, int64_t value) {
  napi_value result;
  CHECK(napi_create_int64(env, value, &result));
  return result;
}
/* An integer; -1 for what is none. */
static int64_t integer(napi_env env, napi_value value) {
  int64_t result;
  return napi_get_value_int64(env, value, &result) == napi_ok ? result : -1;
}
/* A string that fits and holds no NUL. */
static bool text(napi_env env, napi_value value, char *into, size_t size) {
  size_t got = 0; /* what does not fit is cut at a character, of 4 bytes at most */
  return napi_get_value_string_utf8(env, value, into, size, &got) == napi_ok && got + 4 < size && strlen(into) == got;
}

/* ---- mounting ---- */

/* mount(source, target, type, flags, data) -> 0 */
static napi_value Mount(napi_env env, napi_callback_info info) {
  char source[64], target[4104], type[64], data[512];
  ARGUMENTS(5);
  if (!text(env, a[0], source, sizeof source) || !text(env, a[1], target, sizeof target) ||
      !text(env, a[2], type, sizeof type) || !text(env, a[4], data, sizeof data)) return fail(env, "not such a text");
  return number(env, mount(source, target, type, (unsigned long)integer(env, a[3]), data) < 0 ? -errno : 0);
}
/* umount(target, flags) -> promise of 0 or -errno; on a thread of the pool, for the kernel may want pages written back
 * before it lets go: by us. */
typedef struct {
  napi_deferred deferred;
  napi_async_work work;
  int result, flags;
  char target[4104];
} Unmount;
static void run_umount(napi_env env, void *data) {
  Unmount *job = data;
  (void)env;
  job->result = umount2(job->target, job->flags) < 0 ? -errno : 0;
}
static void umount_done(napi_env env, napi_status status, void *data) {
  Unmount *job = data;
  napi_resolve_deferred(env, job->deferred, number(env, status == napi_ok ? job->result : -ECANCELED));
  napi_delete_async_work(env, job->work);
  free(job);
}
static napi_value Umount(napi_env env, napi_callback_info info) {
  napi_value promise, name;
  ARGUMENTS(2);
  Unmount *job = calloc(1, sizeof *job);
  if (!job) return number(env, -ENOMEM);
  job->flags = (int)integer(env, a[1]);
  if (text(env, a[0], job->target, sizeof job->target) &&
      napi_create_string_utf8(env, "umount", NAPI_AUTO_LENGTH, &name) == napi_ok &&
      napi_create_promise(env, &job->deferred, &promise) == napi_ok &&
      napi_create_async_work(env, NULL, name, run_umount, umount_done, job, &job->work) == napi_ok &&
      napi_queue_async_work(env, job->work) == napi_ok) return promise;
  if (job->work) napi_delete_async_work(env, job->work);
  free(job);
  return fail(env, "umount");
}
/* socketPair(ends: Int32Array(2)) -> 0; fusermount3 sends the mounted /dev/fuse over it (_FUSE_COMMFD). */
static napi_value SocketPair(napi_env env, napi_callback_info info) {
  void *ends;
  ARGUMENTS(1);
  CHECK(napi_get_typedarray_info(env, a[0], NULL, NULL, &ends, NULL, NULL));
  return number(env, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0 ? -errno : 0);
}
/* receive(socket) -> the descriptor that was sent over it; never waits. */
static napi_value Receive(napi_env env, napi_callback_info info) {
  int fd;
  char byte;
  union { char bytes[CMSG_SPACE(sizeof(int))]; struct cmsghdr align; } control;
  struct msghdr message = {.msg_iov = &(struct iovec){&byte, 1}, .msg_iovlen = 1,
      .msg_control = &control, .msg_controllen = sizeof control};
  ssize_t got;
  ARGUMENTS(1);
  if ((got = recvmsg((int)integer(env, a[0]), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT)) < 0) return number(env, -errno);
  struct cmsghdr *c = CMSG_FIRSTHDR(&message);
  if (got == 0 || !c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
      c->cmsg_len != CMSG_LEN(sizeof fd)) return number(env, -EPROTO);
  memcpy(&fd, CMSG_DATA(c), sizeof fd);
  return number(env, fd);
}
/* ---- the device ---- */

typedef struct {
  napi_env env;
  int fd;
  uint32_t slots, slot_size, free_count;
  uint8_t *arena;
  int32_t *ring, free[MAX_SLOTS];
  bool held[MAX_SLOTS], delivering[MAX_SLOTS], reading, poll_open, collected;
  napi_ref kept[KEPT];
  napi_async_context context;
  napi_async_cleanup_hook_handle hook;
  uv_poll_t poll;
} Device;
static const napi_type_tag DEVICE_TAG = {0x6973746d75736675, 0x7365646576696365};

static void settle(Device *d) {
  if (d->poll_open) return;
  if (d->fd >= 0) close(d->fd);
  d->fd = -1;
  napi_async_cleanup_hook_handle hook = d->hook;
  d->hook = NULL;
  if (hook) napi_remove_async_cleanup_hook(hook);
  if (d->collected) free(d);
}
static void on_poll_closed(uv_handle_t *handle) {
  ((Device *)handle->data)->poll_open = false;
  settle(handle->data);
}
static void stop_reading(Device *d) {
  if (d->reading) uv_close((uv_handle_t *)&d->poll, on_poll_closed); /* stops it, too */
  d->reading = false;
  settle(d);
}
static void on_env_exit(napi_async_cleanup_hook_handle hook, void *data) {
  (void)hook;
  stop_reading(data);
}
static void on_collected(napi_env env, void *data, void *hint) {
  Device *d = data;
  (void)hint;
  d->collected = true;
  d->env = NULL;
  if (d->context) napi_async_destroy(env, d->context);
  settle(d);
}
/* Calls callback(count, error). */
static void deliver(Device *d, uint32_t count, int error) {
  napi_env env = d->env;
  napi_handle_scope scope;
  napi_value callback, receiver, arguments[2], ignored, exception;
  bool pending = false;
  if (!env || !d->kept[CALLBACK] || napi_open_handle_scope(env, &scope) != napi_ok) return;
  if (napi_get_reference_value(env, d->kept[CALLBACK], &callback) == napi_ok &&
      napi_get_global(env, &receiver) == napi_ok && napi_create_uint32(env, count, &arguments[0]) == napi_ok &&
      napi_create_int32(env, error, &arguments[1]) == napi_ok)
    napi_make_callback(env, d->context, receiver, callback, 2, arguments, &ignored);
  if (napi_is_exception_pending(env, &pending) == napi_ok && pending &&
      napi_get_and_clear_last_exception(env, &exception) == napi_ok) napi_fatal_exception(env, exception);
  napi_close_handle_scope(env, scope);
}
static void release_slot(Device *d, int32_t slot) {
  if (!d->held[slot] && !d->delivering[slot]) d->free[d->free_count++] = slot;
}
/* Reads what is queued, one batch. EINTR: a signal; ENOENT: the request was interrupted before it was read. */
static void on_readable(uv_poll_t *handle, int status, int events) {
  Device *d = handle->data;
  uint32_t count = 0;
  int error = 0;
  int32_t batch[MAX_SLOTS];
  (void)status, (void)events;
  while (d->free_count > 0 && !error) {
    int32_t slot = d->free[d->free_count - 1];
    ssize_t got = read(d->fd, d->arena + (size_t)slot * d->slot_size, d->slot_size);
    if (got < 0 && errno != EINTR && errno != ENOENT) error = errno;
    if (got < 0) continue;
    d->free_count--;
    d->delivering[slot] = true;
    d->ring[2 * count] = batch[count] = slot;
    d->ring[2 * count + 1] = (int32_t)got;
    count++;
  }
  if (count > 0) deliver(d, count, 0);
  for (; count > 0; release_slot(d, batch[count])) d->delivering[batch[--count]] = false;
  if (d->reading && error && error != EAGAIN) {
    stop_reading(d);
    deliver(d, 0, error);
  }
  if (d->reading && d->free_count == 0) uv_poll_stop(&d->poll);
}
static Device *device(napi_env env, napi_value value) {
  void *data = NULL;
  bool ours = false;
  if (napi_check_object_type_tag(env, value, &DEVICE_TAG, &ours) != napi_ok || !ours ||
      napi_unwrap(env, value, &data) != napi_ok) fail(env, "not a device");
  return data;
}
/* Lets JavaScript collect the object and all it holds. */
static void let_go(napi_env env, Device *d) {
  for (int i = 0; i < KEPT; d->kept[i++] = NULL)
    if (d->kept[i]) napi_delete_reference(env, d->kept[i]);
}
/* start(fd, slots, arena, ring, callback) -> the device; takes the descriptor over. */
static napi_value Start(napi_env env, napi_callback_info info) {
  uv_loop_t *loop;
  napi_value result, name;
  void *arena, *ring;
  size_t arena_size, ring_size;
  ARGUMENTS(5);
  int fd = (int)integer(env, a[0]);
  int64_t slots = integer(env, a[1]);
  CHECK(napi_get_typedarray_info(env, a[2], NULL, &arena_size, &arena, NULL, NULL));
  CHECK(napi_get_typedarray_info(env, a[3], NULL, &ring_size, &ring, NULL, NULL));
  if (slots < 1 || slots > MAX_SLOTS || arena_size / slots > INT32_MAX || ring_size < 2 * (size_t)slots)
    return fail(env, "slots");
  CHECK(napi_get_uv_event_loop(env, &loop));
  CHECK(napi_create_string_utf8(env, "fusedev", NAPI_AUTO_LENGTH, &name));
  CHECK(napi_create_object(env, &result));
  CHECK(napi_type_tag_object(env, result, &DEVICE_TAG));
  Device *d = calloc(1, sizeof *d);
  if (!d) return number(env, -ENOMEM);
  *d = (Device){.env = env, .fd = -1, .slots = slots, .slot_size = arena_size / slots, .arena = arena, .ring = ring};
  for (int32_t i = (int32_t)slots; i-- > 0;) release_slot(d, i);
  if (napi_wrap(env, result, d, on_collected, NULL, NULL) != napi_ok) return free(d), fail(env, "napi_wrap");
  int error = napi_async_init(env, NULL, name, &d->context) == napi_ok &&
      napi_create_reference(env, a[2], 1, &d->kept[ARENA]) == napi_ok &&
      napi_create_reference(env, a[3], 1, &d->kept[RING]) == napi_ok &&
      napi_create_reference(env, a[4], 1, &d->kept[CALLBACK]) == napi_ok &&
      napi_create_reference(env, result, 1, &d->kept[SELF]) == napi_ok &&
      napi_add_async_cleanup_hook(env, on_env_exit, d, &d->hook) == napi_ok ? 0 : -ENOMEM;
  if (!error) error = uv_poll_init(loop, &d->poll, fd); /* makes reads of it return EAGAIN, too */
  if (!error) {
    d->poll.data = d;
    d->poll_open = d->reading = true;
    error = uv_poll_start(&d->poll, UV_READABLE, on_readable);
  }
  if (!error) d->fd = fd;
  else let_go(env, d), stop_reading(d);
  return error ? number(env, error) : result;
}
/* stop(device): reads no more and closes the descriptor, which ends the mount for all who still use it. */
static napi_value Stop(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  DEVICE(d);
  let_go(env, d);
  stop_reading(d);
  return NULL;
}
/* hold(device, slot, held): whether the slot stays JavaScript's after the callback. */
static napi_value Hold(napi_env env, napi_callback_info info) {
  bool held;
  ARGUMENTS(3);
  DEVICE(d);
  uint64_t slot = (uint64_t)integer(env, a[1]);
  CHECK(napi_get_value_bool(env, a[2], &held));
  if (slot >= d->slots || d->held[slot] == held) return number(env, -EINVAL);
  d->held[slot] = held;
  release_slot(d, (int32_t)slot);
  if (!held && d->free_count == 1 && d->reading) uv_poll_start(&d->poll, UV_READABLE, on_readable);
  return number(env, 0);
}
/* send(device, head, headLength, data, length) -> 0: one reply, straight from both buffers. */
static napi_value Send(napi_env env, napi_callback_info info) {
  struct iovec parts[2];
  ARGUMENTS(5);
  DEVICE(d);
  for (int i = 0; i < 2; i++) {
    CHECK(napi_get_typedarray_info(env, a[1 + 2 * i], NULL, &parts[i].iov_len, &parts[i].iov_base, NULL, NULL));
    uint64_t length = (uint64_t)integer(env, a[2 + 2 * i]);
    if (length > parts[i].iov_len) return number(env, -EINVAL);
    parts[i].iov_len = length;
  }
  return number(env, writev(d->fd, parts, parts[1].iov_len > 0 ? 2 : 1) < 0 ? -errno : 0);
}

#define METHOD(name, call) {name, NULL, call, NULL, NULL, NULL, napi_enumerable, NULL}
NAPI_MODULE_INIT() {
  const napi_property_descriptor table[] = {METHOD("mount", Mount), METHOD("umount", Umount),
      METHOD("socketPair", SocketPair), METHOD("receive", Receive), METHOD("start", Start), METHOD("stop", Stop),
      METHOD("hold", Hold), METHOD("send", Send)};
  CHECK(napi_define_properties(env, exports, sizeof table / sizeof *table, table));
  return exports;
}

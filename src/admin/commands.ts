import * as v from 'valibot';
import type { Call } from '../core/bytes.js';
import { Secret } from '../core/secret.js';
import { type Handler, handler } from './handler.js';
import type { Mounts } from './mounts.js';
import type { StatusReport } from './status.js';
import type { UserAdmin } from './users.js';

/** What the commands act on. */
export interface AdminServices {
  readonly users: UserAdmin;
  readonly mounts: Mounts;
  status(): StatusReport;
  explain(user: string, path: string, call: Call): Promise<unknown>;
}

const name = v.pipe(v.string(), v.minLength(1), v.maxLength(64));
const path = v.pipe(v.string(), v.minLength(1), v.maxLength(4096));
const groups = v.pipe(v.array(name), v.maxLength(256));
const password = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(4096),
  v.transform((text) => new Secret(text)),
);
const nothing = v.strictObject({});
const user = v.strictObject({ name });

/**
 * The commands by name, as in `POST /v1/user/add`. Lists are wrapped: `{ users: [...] }`, `{ keys: [...] }`,
 * `{ mounts: [...] }`; a command without an answer gives `{}`.
 */
export function adminCommands({ users, mounts, status, explain }: AdminServices): Readonly<Record<string, Handler>> {
  return {
    status: handler(nothing, () => status()),
    explain: handler(v.strictObject({ user: name, path }), (input, call) => explain(input.user, input.path, call)),

    'user/add': handler(
      v.strictObject({
        name,
        password: v.optional(password),
        admin: v.optional(v.boolean()),
        groups: v.optional(groups),
        displayName: v.optional(v.pipe(v.string(), v.maxLength(256))),
      }),
      (input) => users.add(input),
    ),
    'user/passwd': handler(v.strictObject({ name, password }), (input) => users.passwd(input.name, input.password)),
    'user/list': handler(nothing, () => ({ users: users.list() })),
    'user/remove': handler(user, (input) => users.remove(input.name)),
    'user/groups': handler(v.strictObject({ name, groups }), (input) => users.setGroups(input.name, input.groups)),
    'user/change': handler(
      v.strictObject({ name, admin: v.exactOptional(v.boolean()), disabled: v.exactOptional(v.boolean()) }),
      ({ name, ...flags }) => users.change(name, flags),
    ),
    'user/key/add': handler(v.strictObject({ name, key: v.pipe(v.string(), v.maxLength(16_384)) }), (input) =>
      users.addKey(input.name, input.key),
    ),
    'user/key/list': handler(user, (input) => ({ keys: users.keys(input.name) })),
    'user/key/remove': handler(v.strictObject({ name, fingerprint: v.pipe(v.string(), v.maxLength(200)) }), (input) =>
      users.removeKey(input.name, input.fingerprint),
    ),

    'mount/list': handler(nothing, () => ({ mounts: mounts.list() })),
    'mount/test': handler(v.strictObject({ at: path }), (input, call) => mounts.test(input.at, call)),
  };
}

/*
 * Mistakes people make in a configuration, and the exact lines they are told. The file is `isthmus.yaml` in the
 * working directory; every line begins with its name and is written here without it.
 */
export interface BadFile {
  readonly name: string;
  readonly yaml: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What follows `./isthmus.yaml`, line by line. */
  readonly says: readonly string[];
}

const LISTEN =
  'must be HOST:PORT, such as "127.0.0.1:8080", "[::1]:8080" or ":8080" for every address, or "off"; found';
const KEYS = 'the keys here are node, web, sftp, drives, metrics, database, cache, homes, auth, mounts, log';

export const badFiles: readonly BadFile[] = [
  {
    name: 'a misspelt key',
    yaml: 'web:\n  lisen: 1\n',
    says: [':2:3: web.lisen: unknown key; did you mean "listen"?'],
  },
  { name: 'a misspelt section', yaml: 'mouns: []\n', says: [':1:1: mouns: unknown key; did you mean "mounts"?'] },
  { name: 'a key like no other', yaml: 'turbo: true\n', says: [`:1:1: turbo: unknown key; ${KEYS}`] },
  { name: 'a number for a key', yaml: '1: 2\n', says: [`:1:1: 1: unknown key; ${KEYS}`] },
  {
    name: 'a key twice',
    yaml: 'web: {}\nweb: {}\n',
    says: [':2:1: the key "web" stands here a second time; keep one'],
  },
  { name: 'a tab', yaml: 'web:\n\tlisten: x\n', says: [':2:1: a tab indents this line; YAML takes spaces only'] },
  {
    name: 'two documents',
    yaml: 'web: {}\n---\nweb: {}\n',
    says: [':2:1: a second document begins here ("---"); a configuration is one'],
  },
  {
    name: 'a list at the top',
    yaml: '- web\n',
    says: [':1:1: must be a map of keys, such as "web: { listen: 127.0.0.1:8080 }"'],
  },
  {
    name: 'a bracket left open',
    yaml: 'drives: [\nweb: {}\n',
    says: [':2:1: not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]'],
  },
  { name: 'an alias without anchor', yaml: 'web: *x\n', says: [':1:6: no anchor &x stands before *x'] },
  {
    name: 'a bomb of aliases',
    yaml: `a: &a [${'x,'.repeat(9)}]\nb: &b [${'*a,'.repeat(9)}]\nc: &c [${'*b,'.repeat(9)}]\nd: [${'*c,'.repeat(9)}]\n`,
    says: [':1:1: cannot be read: Excessive alias count indicates a resource exhaustion attack'],
  },
  {
    name: 'a section with nothing in it',
    yaml: 'web:\nsftp: { listen: off }\n',
    says: [':1:5: web: must be a map of keys, not nothing; leave the key out, or give it a value'],
  },
  { name: 'a listener without host', yaml: 'web: { listen: "8080" }\n', says: [`:1:16: web.listen: ${LISTEN} "8080"`] },
  { name: 'a listener as number', yaml: 'web: { listen: 8080 }\n', says: [`:1:16: web.listen: ${LISTEN} "8080"`] },
  {
    name: 'a port past 65535',
    yaml: 'sftp: { listen: "127.0.0.1:70000" }\n',
    says: [`:1:17: sftp.listen: ${LISTEN} "127.0.0.1:70000"`],
  },
  {
    name: 'two listeners on one port',
    yaml: 'web: { listen: ":7070" }\nmetrics: { listen: ":7070" }\n',
    says: [':2:20: metrics.listen: web.listen has this port already; choose another port'],
  },
  {
    name: 'a duration without unit',
    yaml: 'cache: { maxAge: 60 }\n',
    says: [':1:18: cache.maxAge: must be a number with ms, s, m, h, d or w, such as "60s" or "5m"; found "60"'],
  },
  {
    name: 'a size in a unit that is none',
    yaml: 'cache: { size: 10gigs }\n',
    says: [
      ':1:16: cache.size: must be a number with B, KiB, MiB, GiB or TiB (or kB, MB, GB, TB), such as "10GiB"; found "10gigs"',
    ],
  },
  {
    name: 'an umask without quotes',
    yaml: 'drives:\n  - path: ./d\n    umask: 022\n',
    says: [':3:12: drives[0].umask: must be three or four octal digits in quotes, such as "022"; found "022"'],
  },
  {
    name: 'a negative id',
    yaml: 'drives: [{ path: ./d, uid: -1 }]\n',
    says: [':1:28: drives[0].uid: must not be negative; found "-1"'],
  },
  {
    name: 'a word for yes',
    yaml: 'drives: [{ path: ./d, allowOther: yes }]\n',
    says: [
      ':1:35: drives[0].allowOther: must be true or false, not text (Let other accounts of this host in (user_allow_other of FUSE))',
    ],
  },
  {
    name: 'a drive without path',
    yaml: 'drives:\n  - as: alice\n',
    says: [':2:5: drives[0].path: is missing (Where the drive is mounted; the folder is made when it is missing)'],
  },
  {
    name: 'two drives at one place',
    yaml: 'drives: [{ path: ./d }, { path: d/../d }]\n',
    says: [':1:33: drives[1].path: drives[0] is there already; choose another path'],
  },
  {
    name: 'a drive in a folder that is served',
    yaml: 'drives: [{ path: ./tree/drive }]\nmounts: [{ at: /tree, driver: local, options: { path: ./tree } }]\n',
    says: [':1:18: drives[0].path: lies in mounts[0].options.path, which is served; choose a folder outside of it'],
  },
  {
    name: 'the state folder in a folder that is served',
    yaml: 'mounts: [{ at: /tree, driver: local, options: { path: . } }]\n',
    says: [
      ':1:55: mounts[0].options.path: holds node.state, with its keys and its database; choose a folder that does not',
    ],
  },
  {
    name: 'the whole host',
    yaml: 'mounts: [{ at: /host, driver: local, options: { path: / } }]\n',
    says: [
      ':1:55: mounts[0].options.path: holds node.state, with its keys and its database; choose a folder that does not',
    ],
  },
  {
    name: 'the state folder itself',
    yaml: 'mounts: [{ at: /tree, driver: local, options: { path: ./data } }]\n',
    says: [
      ':1:55: mounts[0].options.path: holds node.state, with its keys and its database; choose a folder that does not',
    ],
  },
  {
    name: 'a folder in the state folder',
    yaml: 'node: { state: /srv/state }\nmounts: [{ at: /tree, driver: local, options: { path: /srv/state/files } }]\n',
    says: [
      ':2:55: mounts[0].options.path: lies in node.state, with its keys and its database; choose a folder outside of it',
    ],
  },
  {
    name: 'homes of which that of one user is the state folder',
    yaml: 'node: { state: /srv/eve }\nhomes: { driver: local, options: { path: /srv/%u } }\n',
    says: [
      ':2:42: homes.options.path: holds node.state, with its keys and its database; choose a folder that does not',
    ],
  },
  {
    name: 'homes beside the keys',
    yaml: 'homes: { driver: local, options: { path: data/%u } }\n',
    says: [
      ':1:42: homes.options.path: lies in node.state, with its keys and its database; choose a folder outside of it',
    ],
  },
  {
    name: 'a database and a cache in folders that are served',
    yaml: 'database: sqlite:/srv/a/x.db\ncache: { path: /srv/b }\nmounts:\n  - { at: /a, driver: local, options: { path: /srv/a } }\n  - { at: /b, driver: local, options: { path: /srv/b/c } }\n',
    says: [
      ':4:47: mounts[0].options.path: holds database, which is not to be served; choose another folder',
      ':5:47: mounts[1].options.path: lies in cache.path, which is not to be served; choose a folder outside of it',
    ],
  },
  {
    name: 'a drive in a home',
    yaml: 'drives: [{ path: ./data/homes/alice/drive }]\n',
    says: [':1:18: drives[0].path: lies in homes.options.path, which is served; choose a folder outside of it'],
  },
  {
    name: 'a drive over all homes',
    yaml: 'drives: [{ path: ./data/homes }]\n',
    says: [':1:18: drives[0].path: holds homes.options.path, which the daemon itself needs; choose another folder'],
  },
  {
    name: 'homes in a drive',
    yaml: 'drives: [{ path: ./d }]\nhomes: { driver: local, options: { path: d/homes/%u } }\n',
    says: [
      ':2:42: homes.options.path: lies in drives[0], which the daemon itself serves; choose a folder outside of it',
    ],
  },
  {
    name: 'a log level that is none',
    yaml: 'log: { level: inof }\n',
    says: [':1:15: log.level: must be "debug", "info", "warn" or "error"; found "inof", did you mean "info"?'],
  },
  {
    name: 'PostgreSQL, with a password that must not show',
    yaml: 'database: postgres://me:hunter2@db/x\n',
    says: [':1:11: database: PostgreSQL is not available yet; use "sqlite:PATH"'],
  },
  {
    name: 'what this version has not',
    yaml: 'federation: { enabled: true }\nauth: { ldap: { url: "ldaps://x" } }\n',
    says: [
      ':1:1: federation: is not available yet in this version; leave it out',
      ':2:9: auth.ldap: is not available yet in this version; leave it out',
    ],
  },
  {
    name: 'a mount without a place',
    yaml: 'mounts:\n  - driver: memory\n',
    says: [':2:5: mounts[0].at: is missing (Where in the namespace: an absolute path)'],
  },
  {
    name: 'a mount at a relative place',
    yaml: 'mounts: [{ at: s3, driver: memory }]\n',
    says: [':1:16: mounts[0].at: must be an absolute path, such as "/s3"; found "s3"'],
  },
  {
    name: 'a mount outside',
    yaml: 'mounts: [{ at: /../etc, driver: memory }]\n',
    says: [':1:16: mounts[0].at: is not a path (not a name); use one such as "/archive"; found "/../etc"'],
  },
  {
    name: 'a mount at the root',
    yaml: 'mounts: [{ at: /, driver: memory }]\n',
    says: [
      ':1:16: mounts[0].at: must not be the root, which is the home of each user; use a path such as "/archive"; found "/"',
    ],
  },
  {
    name: 'two mounts at one place',
    yaml: 'mounts:\n  - { at: /a, driver: memory }\n  - { at: /a/, driver: memory }\n',
    says: [':3:11: mounts[1].at: mounts[0] is at this place already; choose another path'],
  },
  {
    name: 'a misspelt driver',
    yaml: 'mounts: [{ at: /a, driver: memroy }]\n',
    says: [':1:28: mounts[0].driver: unknown driver "memroy"; did you mean "memory"?'],
  },
  {
    name: 'a misspelt option of a driver',
    yaml: 'mounts:\n  - at: /a\n    driver: local\n    options: { paht: /srv }\n',
    says: [':4:16: mounts[0].options.paht: unknown key; did you mean "path"?'],
  },
  {
    name: 'options as a list',
    yaml: 'mounts: [{ at: /a, driver: memory, options: [] }]\n',
    says: [':1:45: mounts[0].options: must be a map of keys, not a list'],
  },
  {
    name: 'a mechanism that comes later',
    yaml: 'mounts: [{ at: /a, driver: memory, credentials: { mechanism: login } }]\n',
    says: [':1:62: mounts[0].credentials.mechanism: mechanism login is not available yet; use none, password or key'],
  },
  {
    name: 'half a password',
    yaml: 'mounts: [{ at: /a, driver: memory, credentials: { mechanism: password, user: me } }]\n',
    says: [':1:49: mounts[0].credentials: mechanism password needs user and password, and nothing else'],
  },
  {
    name: 'a password as number, which must not show',
    yaml: 'mounts: [{ at: /a, driver: memory, credentials: { mechanism: password, user: me, password: 4711 } }]\n',
    says: [':1:92: mounts[0].credentials.password: must be text, not a number; put it in quotes'],
  },
  {
    name: 'a secret in a file that is not there',
    yaml: 'mounts: [{ at: /a, driver: memory, credentials: { mechanism: password, user: me, password: "file:./pw" } }]\n',
    says: [':1:92: mounts[0].credentials.password: ./pw does not exist; create it or name another file'],
  },
  {
    name: 'a mount for nobody',
    yaml: 'mounts: [{ at: /a, driver: memory, for: {} }]\n',
    says: [':1:41: mounts[0].for: names nobody; leave it out to serve everyone, or list users or groups'],
  },
  {
    name: 'one home for everybody',
    yaml: 'homes: { driver: local, options: { path: /srv/home } }\n',
    says: [':1:34: homes.options: names the same place for every user; put "%u", the login name, into one of them'],
  },
  {
    name: 'a variable that is not set',
    yaml: `web: { listen: "\${ISTHMUS_NO_SUCH}" }\n`,
    says: [':1:16: web.listen: the environment variable ISTHMUS_NO_SUCH is not set; set it, or write the value here'],
  },
  {
    name: 'a variable with another value than its place takes, which must not show',
    yaml: `cache: { size: "\${ISTHMUS_TEST_SIZE}" }\n`,
    env: { ISTHMUS_TEST_SIZE: 'hunter2' },
    says: [':1:16: cache.size: must be a number with B, KiB, MiB, GiB or TiB (or kB, MB, GB, TB), such as "10GiB"'],
  },
  {
    name: 'braces without a name',
    yaml: `web: { listen: "\${a-b}" }\n`,
    says: [
      `:1:16: web.listen: "\${a-b}" is not an environment variable; write \${NAME}, or $\${ for the characters themselves`,
    ],
  },
  {
    name: 'a host key that is not there',
    yaml: 'sftp: { hostKeys: [./no-key] }\n',
    says: [':1:20: sftp.hostKeys[0]: ./no-key does not exist; create it or name another file'],
  },
  {
    name: 'a certificate that is none',
    yaml: 'web: { tls: { cert: /etc/hostname, key: /nowhere/key.pem } }\n',
    says: [':1:41: web.tls.key: /nowhere/key.pem does not exist; create it or name another file'],
  },
  {
    name: 'several mistakes, told in order of their lines',
    yaml: 'log: { level: loud }\nweb:\n  trustedProxies: [10.0.0.0/33]\nmounts:\n  - { at: /a, driver: ftp }\n',
    says: [
      ':1:15: log.level: must be "debug", "info", "warn" or "error"; found "loud"',
      ':3:20: web.trustedProxies[0]: must be an address or network, such as "127.0.0.1", "10.0.0.0/8" or "fd00::/8"; found "10.0.0.0/33"',
      ':5:23: mounts[0].driver: the driver "ftp" is not available yet; the drivers are local, memory, s3, sftp',
    ],
  },
];

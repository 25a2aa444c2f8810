import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { answersHttp, freePort, ServerProcesses } from './process.js';
import type { S3Server } from './radosgw.js';

export interface SwiftServer extends S3Server {
  /** Swift's own API: where to sign in (version 1). */
  readonly authUrl: string;
  readonly storageUrl: string;
}

const STORES = ['account', 'container', 'object'] as const;

/** One ring of one device for each kind of store. Swift's rings are pickles that only Swift writes. */
const RINGS = `import sys
from swift.common.ring import RingBuilder
for arg in sys.argv[2:]:
    name, port = arg.split('=')
    ring = RingBuilder(4, 1, 0)
    ring.add_dev({'id': 0, 'region': 1, 'zone': 1, 'weight': 1, 'device': 'd1', 'meta': '', 'ip': '127.0.0.1',
                  'port': int(port), 'replication_ip': '127.0.0.1', 'replication_port': int(port)})
    ring.rebalance()
    ring.get_ring().save('%s/%s.ring.gz' % (sys.argv[1], name))
`;

/**
 * OpenStack Swift with its s3api: one replica in a plain folder, users by tempauth. Needs root: Swift reads its
 * configuration in /etc/swift only, which is shown to it in a mount namespace of its own.
 */
export async function startSwift(): Promise<SwiftServer> {
  const programs = ['memcached', 'unshare', 'setpriv', '/usr/bin/python3', 'swift-proxy-server'];
  const server = await ServerProcesses.create('swift', [
    ...programs,
    ...STORES.map((store) => `swift-${store}-server`),
  ]);
  return server.guard(async () => {
    if (process.getuid?.() !== 0) throw new Error('needs root, for a mount namespace');
    const { dir } = server;
    const etc = join(dir, 'etc');
    const devices = join(dir, 'devices');
    await mkdir(etc);
    await mkdir(join(devices, 'd1'), { recursive: true });
    await chmod(devices, 0o755);
    await writeFile(
      join(etc, 'swift.conf'),
      '[swift-hash]\nswift_hash_path_suffix=test\n[storage-policy:0]\nname=one\ndefault=yes\n',
    );
    const port = await freePort();
    const cache = await freePort();
    const ports = new Map<string, number>();
    for (const store of STORES) ports.set(store, await freePort());
    const rings = [...ports].map(([store, at]) => `${store}=${at}`);
    await server.run('/usr/bin/python3', ['-c', RINGS, etc, ...rings]);
    server.spawn('memcached', 'memcached', ['-u', 'root', '-l', '127.0.0.1', '-p', `${cache}`, '-U', '0', '-m', '64']);

    const inside = (program: string, conf: string) => {
      const script = `mount --bind ${etc} /etc/swift; exec ${program} /etc/swift/${conf} -v`;
      server.spawn(program, 'unshare', ['-m', '--propagation', 'slave', 'sh', '-ec', script]);
    };
    for (const [store, at] of ports) {
      await writeFile(join(etc, `${store}-server.conf`), storeConfiguration(store, at, devices));
      inside(`swift-${store}-server`, `${store}-server.conf`);
    }
    await writeFile(join(etc, 'proxy-server.conf'), proxyConfiguration(port, cache));
    inside('swift-proxy-server', 'proxy-server.conf');
    for (const [store, at] of ports) {
      await server.waitFor(`swift-${store}-server`, () => answersHttp(`http://127.0.0.1:${at}/healthcheck`));
    }
    const endpoint = `http://127.0.0.1:${port}`;
    const [accessKey, secretKey] = ['test:tester', 'testing'];
    const authUrl = `${endpoint}/auth/v1.0`;
    const headers = { 'X-Auth-User': accessKey, 'X-Auth-Key': secretKey };
    await server.waitFor('swift-proxy-server', () => answersHttp(authUrl, { headers }));
    const storageUrl = `${endpoint}/v1/AUTH_test`;
    const stop = () => server.stop();
    return { endpoint, port, region: 'us-east-1', accessKey, secretKey, authUrl, storageUrl, stop };
  });
}

function storeConfiguration(store: string, port: number, devices: string): string {
  return `[DEFAULT]
bind_ip = 127.0.0.1
bind_port = ${port}
user = root
workers = 0
mount_check = false
devices = ${devices}
[pipeline:main]
pipeline = healthcheck ${store}-server
[filter:healthcheck]
use = egg:swift#healthcheck
[app:${store}-server]
use = egg:swift#${store}
`;
}

function proxyConfiguration(port: number, cache: number): string {
  const plain = ['catch_errors', 'gatekeeper', 'healthcheck', 'proxy-logging', 'listing_formats', 'bulk', 'tempurl'];
  const late = ['copy', 'container-quotas', 'account-quotas', 'dlo', 'symlink'];
  const filters = [...plain, ...late].map((name) => `[filter:${name}]\nuse = egg:swift#${name.replace('-', '_')}\n`);
  return `[DEFAULT]
bind_ip = 127.0.0.1
bind_port = ${port}
user = root
workers = 0
[pipeline:main]
pipeline = ${plain.slice(0, 4).join(' ')} cache listing_formats bulk tempurl s3api tempauth copy container-quotas account-quotas slo dlo versioned_writes symlink proxy-logging proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
error_suppression_interval = 0
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:${cache}
[filter:tempauth]
use = egg:swift#tempauth
user_admin_admin = admin .admin .reseller_admin
user_test_tester = testing .admin
user_test_reader = reading
user_test2_tester2 = testing2 .admin
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:slo]
use = egg:swift#slo
rate_limit_after_segment = 10000
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_versioned_writes = true
allow_object_versioning = true
${filters.join('')}`;
}

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { answersHttp, freePort, ServerProcesses } from './process.js';

/** A running S3 server: what a client needs, and how to end it. */
export interface S3Server {
  readonly endpoint: string;
  readonly port: number;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
  stop(): Promise<void>;
}

const FSID = '00000000-0000-4000-8000-000000000001';

/** Ceph's RADOS gateway over one monitor and one OSD that lives in memory: the fuller of Debian's S3 servers. */
export async function startRadosgw(): Promise<S3Server> {
  const commands = ['radosgw', 'radosgw-admin', 'ceph', 'ceph-mon', 'ceph-osd', 'monmaptool', 'setpriv'];
  const server = await ServerProcesses.create('radosgw', commands);
  return server.guard(async () => {
    const { dir } = server;
    const port = await freePort();
    const monitor = `[v2:127.0.0.1:${await freePort()}]`;
    const conf = join(dir, 'ceph.conf');
    const map = join(dir, 'monmap');
    for (const name of ['mon', 'osd', 'sock']) await mkdir(join(dir, name));
    await writeFile(conf, configuration(dir, monitor));
    await server.run('monmaptool', ['--create', '--fsid', FSID, '--addv', 'a', monitor, map]);
    await server.run('ceph-mon', ['--conf', conf, '-i', 'a', '--mkfs', '--monmap', map]);
    server.spawn('mon', 'ceph-mon', ['--conf', conf, '-f', '-i', 'a']);
    await server.waitFor('mon', async () => {
      await server.run('ceph', ['--conf', conf, '--connect-timeout', '5', 'mon', 'stat']);
      return true;
    });
    await server.run('ceph', ['--conf', conf, 'osd', 'new', FSID, '0']);
    await server.run('ceph-osd', ['--conf', conf, '-i', '0', '--mkfs', '--osd-uuid', FSID]);
    server.spawn('osd', 'ceph-osd', ['--conf', conf, '-f', '-i', '0']);
    const listen = `beast endpoint=127.0.0.1:${port} tcp_nodelay=1`;
    server.spawn('radosgw', 'radosgw', ['--conf', conf, '-f', '-n', 'client.rgw', '--rgw-frontends', listen]);
    const endpoint = `http://127.0.0.1:${port}`;
    await server.waitFor('radosgw', () => answersHttp(endpoint, { any: true }));
    const [accessKey, secretKey] = ['test-access', 'test-secret'];
    const keys = ['--access-key', accessKey, '--secret-key', secretKey];
    const user = ['user', 'create', '--uid', 'test', '--display-name', 'Test', ...keys];
    await server.run('radosgw-admin', ['--conf', conf, ...user]);
    return { endpoint, port, region: 'us-east-1', accessKey, secretKey, stop: () => server.stop() };
  });
}

function configuration(dir: string, monitor: string): string {
  return `[global]
fsid = ${FSID}
mon host = ${monitor.slice(1, -1)}
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind msgr1 = false
ms bind port min = 61000
ms bind port max = 65500
auth cluster required = none
auth service required = none
auth client required = none
ms mon client mode = crc
log file = ${dir}/log/$name.ceph
mon cluster log file = ${dir}/log/cluster.ceph
admin socket = ${dir}/sock/$name.asok
run dir = ${dir}/sock
crash dir = ${dir}/sock
mon data = ${dir}/mon
mon data avail crit = 1
mon allow pool size one = true
paxos propose interval = 0.05
osd data = ${dir}/osd
osd objectstore = memstore
memstore device bytes = 8589934592
osd crush chooseleaf type = 0
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pg autoscale mode = off
rgw thread pool size = 64
`;
}

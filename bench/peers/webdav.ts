import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { accepts, freePort, ServerProcesses } from '../../test/servers/process.js';
import type { WebDavSubject } from '../subject.js';

const USER = 'bench';
const PASSWORD = 'bench-secret';
const APACHE_MODULES = '/usr/lib/apache2/modules';
const NGINX_MODULES = '/usr/lib/nginx/modules';

type Start = (processes: ServerProcesses, root: string, port: number) => void;

/** Apache's mod_dav, nginx's dav modules and `rclone serve webdav`, each on a folder of its own, with a password. */
export async function startWebDavPeers(folder: string): Promise<WebDavSubject[]> {
  return [
    await start('Apache mod_dav', folder, 'apache2', '/dav/', apache),
    await start('nginx dav', folder, 'nginx', '/dav/', nginx),
    await start('rclone serve webdav', folder, 'rclone', '/', rclone),
  ];
}

async function start(
  name: string,
  folder: string,
  program: string,
  prefix: string,
  begin: Start,
): Promise<WebDavSubject> {
  const processes = await ServerProcesses.create(`bench-${program}`, [program]);
  return processes.guard(async () => {
    const root = join(folder, program);
    mkdirSync(root, { recursive: true });
    chmodSync(root, 0o777);
    const port = await freePort();
    const hash = execFileSync('openssl', ['passwd', '-apr1', PASSWORD], { encoding: 'utf8' }).trim();
    writeFileSync(join(processes.dir, 'users'), `${USER}:${hash}\n`);
    const started = performance.now();
    begin(processes, root, port);
    await processes.waitFor('server', () => accepts(port));
    return {
      name,
      root,
      pid: processes.pidOf('server'),
      startSeconds: (performance.now() - started) / 1000,
      url: `http://127.0.0.1:${port}${prefix}`,
      user: USER,
      password: PASSWORD,
      stop: () => processes.stop(),
    };
  });
}

function apache(processes: ServerProcesses, root: string, port: number): void {
  const { dir } = processes;
  const modules = ['mpm_event', 'authn_core', 'authn_file', 'authz_core', 'authz_user', 'auth_basic', 'alias', 'mime'];
  writeFileSync(
    join(dir, 'httpd.conf'),
    [
      ...[...modules, 'dav', 'dav_fs'].map((name) => `LoadModule ${name}_module ${APACHE_MODULES}/mod_${name}.so`),
      `ServerRoot ${dir}`,
      'ServerName localhost',
      `Listen 127.0.0.1:${port}`,
      'User www-data',
      'Group www-data',
      `PidFile ${dir}/httpd.pid`,
      `DefaultRuntimeDir ${dir}`,
      `ErrorLog ${dir}/log/error.log`,
      `TypesConfig ${existsSync('/etc/mime.types') ? '/etc/mime.types' : '/dev/null'}`,
      'StartServers 2',
      'ThreadsPerChild 25',
      'MaxRequestWorkers 50',
      'LimitRequestBody 0',
      `DAVLockDB ${dir}/lock`,
      `Alias /dav ${root}`,
      '<Location /dav>',
      '  DAV on',
      '  AuthType Basic',
      '  AuthName bench',
      `  AuthUserFile ${dir}/users`,
      '  Require valid-user',
      '</Location>',
      '',
    ].join('\n'),
  );
  chmodSync(dir, 0o777);
  processes.spawn('server', 'apache2', ['-D', 'FOREGROUND', '-f', join(dir, 'httpd.conf')]);
}

function nginx(processes: ServerProcesses, root: string, port: number): void {
  const { dir } = processes;
  mkdirSync(join(dir, 'tmp'));
  chmodSync(join(dir, 'tmp'), 0o777);
  writeFileSync(
    join(dir, 'nginx.conf'),
    `load_module ${NGINX_MODULES}/ngx_http_dav_ext_module.so;
daemon off;
user www-data;
worker_processes 2;
pid ${dir}/nginx.pid;
error_log ${dir}/log/error.log;
events { worker_connections 1024; }
http {
  access_log off;
  sendfile on;
  client_max_body_size 0;
  client_body_temp_path ${join(root, '..', 'nginx-tmp')};
  server {
    listen 127.0.0.1:${port};
    auth_basic bench;
    auth_basic_user_file ${dir}/users;
    location /dav/ {
      alias ${root}/;
      dav_methods PUT DELETE MKCOL COPY MOVE;
      dav_ext_methods PROPFIND OPTIONS;
    }
  }
}
`,
  );
  processes.spawn('server', 'nginx', ['-c', join(dir, 'nginx.conf'), '-e', join(dir, 'log/error.log')]);
}

function rclone(processes: ServerProcesses, root: string, port: number): void {
  processes.spawn('server', 'rclone', [
    ...['serve', 'webdav', root, '--addr', `127.0.0.1:${port}`, '--user', USER, '--pass', PASSWORD],
    ...['--config', '/dev/null', '--dir-cache-time', '1s'],
  ]);
}

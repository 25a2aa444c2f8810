import type { Algorithms } from 'ssh2';

/**
 * What is offered, best first; nothing else is spoken.
 *
 * No chacha20-poly1305 and no CBC: without strict key exchange they are open to Terrapin (lesson 24), and ssh2 does not
 * tell whether a client agreed on it. No finite-field groups: an exchange in group 16 costs the event loop 10 ms, which
 * is a gift to whoever floods us. No compression: it would have to be bounded against bombs, for files that are mostly
 * compressed already.
 */
export const ALGORITHMS: Algorithms = {
  kex: ['curve25519-sha256', 'curve25519-sha256@libssh.org'],
  serverHostKey: ['ssh-ed25519', 'rsa-sha2-512', 'rsa-sha2-256'],
  cipher: ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com', 'aes256-ctr', 'aes192-ctr', 'aes128-ctr'],
  hmac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com'],
  compress: ['none'],
};

/** Types of user keys that may sign in. RSA signs with SHA-2 only. */
export const USER_KEY_TYPES: ReadonlySet<string> = new Set([
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'ssh-rsa',
]);

/** Shortest RSA modulus of a host or user key, in bits. */
export const RSA_BITS_MIN = 2048;

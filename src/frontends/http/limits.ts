/** How much of the listener one client may take. */
export interface HttpLimits {
  /** Connections at once from one address (one /64 of IPv6). Trusted proxies are not counted. */
  readonly connectionsPerAddress: number;
  /** At once from everywhere; past it, whoever has most gives one up. */
  readonly connections: number;
  readonly headerBytes: number;
  /** Requests of one connection that wait or run at once: each may hold a file open and a megabyte of it. */
  readonly pipeline: number;
  /** ms until the head of a request, and a TLS handshake, must be complete. */
  readonly headersTimeout: number;
  /** ms a connection may wait for its next request. */
  readonly idleTimeout: number;
  /** A body must bring `progressBytes` in each such time (ms) in which we wait for it. */
  readonly bodyTimeout: number;
  readonly progressBytes: number;
}

export const HTTP_LIMITS: HttpLimits = {
  connectionsPerAddress: 1_000,
  connections: 10_000,
  headerBytes: 16 * 1024,
  pipeline: 16,
  headersTimeout: 10_000,
  idleTimeout: 30_000,
  bodyTimeout: 60_000,
  progressBytes: 1024,
};

import type { IncomingHttpHeaders } from 'node:http';
import type { Entry } from '../../core/entry.js';
import { Refusal } from './refusal.js';

/** The entity tag of an entry as HTTP writes it; undefined where the storage tells none. */
export function entityTag(entry: Pick<Entry, 'etag'>): string | undefined {
  if (entry.etag === '') return undefined;
  // What a storage gives is opaque and untrusted: it may hold what no header can.
  return `"${/^[\x21\x23-\x7e]+$/.test(entry.etag) ? entry.etag : encodeURIComponent(entry.etag)}"`;
}

/** Entity tags of a list header, or `*`. Tags may hold commas, so they are matched, not split (RFC 9110 §8.8.3). */
export function parseTags(header: string): '*' | readonly string[] {
  if (header.trim() === '*') return '*';
  return header.match(/(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g) ?? [];
}

function strongly(tags: '*' | readonly string[], tag: string | undefined): boolean {
  return tags === '*' || (tag !== undefined && tags.includes(tag));
}

function weakly(tags: '*' | readonly string[], tag: string | undefined): boolean {
  return tags === '*' || (tag !== undefined && tags.some((other) => other.replace(/^W\//, '') === tag));
}

/** A date of HTTP in ms; undefined for what is none, which is then ignored (RFC 9110 §13.1.3). */
export function parseHttpDate(header: string | undefined): number | undefined {
  const time = header === undefined ? Number.NaN : Date.parse(header);
  return Number.isNaN(time) ? undefined : time;
}

const wholeSeconds = (ms: number): number => Math.floor(ms / 1000) * 1000;

/** Whether a request has any of the conditions of RFC 9110 §13.1. */
export function isConditional(headers: IncomingHttpHeaders): boolean {
  return (
    headers['if-match'] !== undefined ||
    headers['if-none-match'] !== undefined ||
    headers['if-modified-since'] !== undefined ||
    headers['if-unmodified-since'] !== undefined
  );
}

/**
 * Checks the conditions in the order of RFC 9110 §13.2.2.
 * @param entry  what is there now; undefined when nothing is
 * @param reading  GET and HEAD: a match of If-None-Match is 304, and If-Modified-Since counts
 * @throws Refusal 412, or 304
 */
export function checkConditions(headers: IncomingHttpHeaders, entry: Entry | undefined, reading: boolean): void {
  const tag = entry === undefined ? undefined : entityTag(entry);
  const ifMatch = headers['if-match'];
  const unmodifiedSince = parseHttpDate(headers['if-unmodified-since']);
  if (ifMatch !== undefined) {
    if (entry === undefined || !strongly(parseTags(ifMatch), tag)) throw new Refusal(412);
  } else if (unmodifiedSince !== undefined && entry !== undefined && wholeSeconds(entry.mtime) > unmodifiedSince) {
    throw new Refusal(412);
  }
  const ifNoneMatch = headers['if-none-match'];
  const modifiedSince = parseHttpDate(headers['if-modified-since']);
  if (ifNoneMatch !== undefined) {
    if (entry !== undefined && weakly(parseTags(ifNoneMatch), tag)) throw notModified(reading, entry);
  } else if (
    reading &&
    modifiedSince !== undefined &&
    entry !== undefined &&
    wholeSeconds(entry.mtime) <= modifiedSince
  ) {
    throw notModified(reading, entry);
  }
}

function notModified(reading: boolean, entry: Entry): Refusal {
  if (!reading) return new Refusal(412);
  const tag = entityTag(entry);
  return new Refusal(304, { headers: { ...(tag === undefined ? {} : { ETag: tag }), 'Cache-Control': CACHE_CONTROL } });
}

/** Whoever keeps a copy asks before using it again: another front end may have changed the file meanwhile. */
export const CACHE_CONTROL = 'private, no-cache';

/**
 * Whether a Range header counts (RFC 9110 §13.1.5): with If-Range only while the content is still the same.
 */
export function rangeStillHolds(ifRange: string | undefined, entry: Entry): boolean {
  if (ifRange === undefined) return true;
  if (ifRange.startsWith('"')) return ifRange === entityTag(entry);
  // A date is a weak validator unless a second has passed since; a weak tag never counts.
  const date = parseHttpDate(ifRange);
  return date !== undefined && wholeSeconds(entry.mtime) === date && entry.mtime < Date.now() - 1000;
}

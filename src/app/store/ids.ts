/** Ids for rows and jobs: unique in this browser (crypto.randomUUID needs a secure context, which a LAN host is not). */
export function newId(): string {
  return `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 10)}`;
}

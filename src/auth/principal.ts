/** Who asks. Made by the authenticator only; views, grants and audit lines are for a principal. */
export interface Principal {
  /** Login name, unique on this node, stable; it has passed `parseUserName`. */
  readonly name: string;
  readonly groups: readonly string[];
  readonly admin: boolean;
}

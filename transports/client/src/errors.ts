/** A refusal of the server, after RFC 9457. */
export class ReddotError extends Error {
  declare readonly status: number;
  /** The stable code, such as `not_found`. */
  declare readonly code: string;

  constructor(status: number, code: string, detail: string) {
    super(detail);
    this.name = "ReddotError";
    this.status = status;
    this.code = code;
  }
}

/** Nobody is signed in: there is no token, or the server refused it and there is no other. */
export function signedOut(): ReddotError {
  return new ReddotError(401, "unauthorized", "Nobody is signed in.");
}

export function isSignedOut(e: unknown): boolean {
  return (e as ReddotError | undefined)?.status === 401;
}

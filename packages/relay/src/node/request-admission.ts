import { ProblemError } from "@canopy/runtime";
import type { Admission, Admitted } from "./admission.ts";
import { type AuthorizableRequest, authorizeRequest } from "./authorize-request.ts";

/**
 * Asks for the token before anything else of a request is looked at: nobody's body is read, and nobody is told what is
 * wrong with it, before he is known.
 */
export class RequestAdmission {
  readonly #admission: Admission;
  readonly #admitted = new WeakMap<object, Admitted>();

  constructor(admission: Admission) {
    this.#admission = admission;
  }

  /** For a route's `onRequest`. Throws 400, 401 or 403. */
  readonly onRequest = async (request: AuthorizableRequest): Promise<void> => {
    this.#admitted.set(request, await authorizeRequest(request, this.#admission));
  };

  /** Whom `onRequest` let in. */
  of(request: object): Admitted {
    const who = this.#admitted.get(request);
    if (who === undefined) throw new ProblemError(401, "Unauthorized", "a token is needed");
    return who;
  }
}

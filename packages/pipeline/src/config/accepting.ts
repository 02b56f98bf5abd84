let acceptsUnknown = false;

/** Whether names are accepted now that no component has. */
export const isAcceptingUnknown = (): boolean => acceptsUnknown;

/**
 * Runs `body` while names are accepted that no component has: those of plug-ins which are not loaded on this thread.
 * A stored run can so be listed, compared and checked without running the code of others.
 */
export function acceptingUnknown<T>(body: () => T): T {
  acceptsUnknown = true;
  try {
    return body();
  } finally {
    acceptsUnknown = false;
  }
}

/** What the document this runs in may do (Permissions, section 6.2). Asks for states only: nobody is asked for a permission. */

/** `PermissionDescriptor`, with the members that some names have besides. */
export interface PermissionQuery {
  readonly name: string;
  readonly sysex?: true;
  readonly panTiltZoom?: true;
  readonly userVisibleOnly?: true;
  readonly allowWithoutGesture?: true;
}

const permissions: Permissions | undefined = globalThis.navigator?.permissions;

/** The state for each query, in its order; null for one that this browser does not know. An insecure page has no permissions to ask for: all are null. */
export async function readPermissions(queries: readonly PermissionQuery[]): Promise<(PermissionState | null)[]> {
  if (permissions === undefined || !isSecureContext) return queries.map(() => null);
  return Promise.all(
    queries.map((query) =>
      permissions.query(query as PermissionDescriptor).then(
        ({ state }) => state,
        () => null,
      ),
    ),
  );
}

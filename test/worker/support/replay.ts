/** The window in D1 by namespace and RV, for tests that look into it or lose some of it (migration 0005 tells the key). */
export const RV = "key & 1099511627775";
/** Takes the namespace. */
export const IN_SPACE = "key >> 40 = (SELECT id FROM spaces WHERE ns = ?)";

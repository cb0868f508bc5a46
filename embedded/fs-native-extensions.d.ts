/** The parts that file-lock.ts uses. The package has no types. */
declare module 'fs-native-extensions' {
  /**
   * False when another open file has a lock that is in the way. @throws the system's error for
   * anything else
   */
  export function tryLock(fd: number, options?: { readonly shared?: boolean }): boolean;
}

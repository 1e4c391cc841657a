/** What the browser keeps for us. It can be switched off or full: then nothing is kept, and reading answers `undefined`. */
export const storage = {
  get: (key: string): string | null | undefined => guard(() => localStorage.getItem(key)),
  set: (key: string, value: string): void => void guard(() => localStorage.setItem(key, value)),
  remove: (key: string): void => void guard(() => localStorage.removeItem(key)),
};

function guard<T>(use: () => T): T | undefined {
  try {
    return use();
  } catch {
    return undefined;
  }
}

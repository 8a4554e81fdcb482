/** Calls when the network is back, or the page is shown again after it was hidden, frozen or kept for the way back. Returns how to stop it. */
export function watchWaking(listener: () => void): () => void {
  const { addEventListener, removeEventListener, document } = globalThis
  if (typeof addEventListener !== 'function' || document === undefined) return () => undefined
  const hearVisible = (): void => {
    if (document.visibilityState === 'visible') listener()
  }
  addEventListener('online', listener)
  addEventListener('pageshow', listener)
  document.addEventListener('visibilitychange', hearVisible)
  return () => {
    removeEventListener('online', listener)
    removeEventListener('pageshow', listener)
    document.removeEventListener('visibilitychange', hearVisible)
  }
}

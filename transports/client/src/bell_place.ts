/** What a box needs to say of itself. */
export interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

export interface Size {
  width: number;
  height: number;
}

export interface Place {
  left: number;
  /** One of the two: the panel grows away from the bell. From the top of the viewport, or from its bottom. */
  top?: number;
  bottom?: number;
  maxHeight: number;
}

/** The room between bell and panel, and between panel and the viewport's edges. */
const GAP = 8;

/**
 * Places a panel beside its bell: below it, or above where there is more room; its end at the bell's end, as far as it then stays
 * on screen. All in CSS pixels of the viewport.
 */
export function place(bell: Box, panel: Size, viewport: Size, rtl: boolean): Place {
  const wanted = rtl ? bell.left : bell.right - panel.width;
  const left = Math.max(GAP, Math.min(wanted, viewport.width - panel.width - GAP));
  const below = viewport.height - bell.bottom - 2 * GAP;
  const above = bell.top - 2 * GAP;
  if (below >= panel.height || below >= above) return { left, top: bell.bottom + GAP, maxHeight: Math.max(0, below) };
  return { left, bottom: viewport.height - bell.top + GAP, maxHeight: Math.max(0, above) };
}

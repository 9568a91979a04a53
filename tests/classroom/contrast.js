/* Texts of the page with a contrast below 4.5 : 1 (WCAG AA) against what is behind them; body of a function. */
const paint = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
const rgb = (colour) => { paint.clearRect(0, 0, 1, 1); paint.fillStyle = colour; paint.fillRect(0, 0, 1, 1); return [...paint.getImageData(0, 0, 1, 1).data]; };
const light = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)).reduce((s, c, k) => s + c * [0.2126, 0.7152, 0.0722][k], 0);
const behind = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c[3] === 255) return c; } return [255, 255, 255]; };
const found = [];
for (const e of document.querySelectorAll("body *")) {
  const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
  if (!own || e.closest("script, style, option, .skip, button:disabled, .tile, [hidden], .dot-number") || !e.getClientRects().length) continue;
  const style = getComputedStyle(e), ink = light(rgb(e.closest("svg") ? style.fill : style.color));
  let grounds = [behind(e)];
  if (e.matches(".region")) grounds = ["--region-a", "--region-b", "--region-c", "--region-d"].map((n) => rgb(getComputedStyle(document.documentElement).getPropertyValue(n)));
  for (const ground of grounds) {
    const back = light(ground), ratio = (Math.max(ink, back) + 0.05) / (Math.min(ink, back) + 0.05);
    if (ratio < 4.5) found.push(`${e.tagName}.${e.getAttribute("class")} "${e.textContent.slice(0, 20)}" ${ratio.toFixed(2)}`);
  }
}
return found;

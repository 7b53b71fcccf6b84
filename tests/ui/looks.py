# SPDX-License-Identifier: Apache-2.0

"""What is measured of a page as it is shown: contrasts, empty areas, what moved by itself, what axe-core finds."""

CONTRASTS = """() => {
  const canvas = document.createElement('canvas'); canvas.width = canvas.height = 1;
  const brush = canvas.getContext('2d', {willReadFrequently: true});
  const layered = colours => { brush.fillStyle = 'white'; brush.fillRect(0, 0, 1, 1);
    for (const colour of colours) { brush.fillStyle = colour; brush.fillRect(0, 0, 1, 1) }
    return [...brush.getImageData(0, 0, 1, 1).data].slice(0, 3) };
  const light = rgb => rgb.map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  return [...document.querySelectorAll('main *')].filter(e => e.offsetParent && e.checkVisibility() && !e.closest('.cm-editor') &&
      [...e.childNodes].some(n => n.nodeType == 3 && n.textContent.trim())).map(e => {
    const under = []; for (let at = e; at; at = at.parentElement) under.unshift(getComputedStyle(at).backgroundColor);
    const [low, high] = [layered(under), layered([...under, getComputedStyle(e).color])].map(light).sort((a, b) => a - b);
    return [e.textContent.trim().slice(0, 40), (high + .05) / (low + .05)] }) }"""
# The largest rectangle of the view without words, pictures or fields, on a grid of 16 pixels, as a share of the view.
EMPTY = """() => {
  const STEP = 16, across = Math.floor(innerWidth / STEP), down = Math.floor(innerHeight / STEP);
  const taken = Array.from({length: down}, () => new Uint8Array(across));
  const mark = ({left, top, right, bottom, width, height}) => {
    if (!width || !height) return;
    for (let y = Math.max(0, Math.floor(top / STEP)); y < Math.min(down, bottom / STEP); y++)
      for (let x = Math.max(0, Math.floor(left / STEP)); x < Math.min(across, right / STEP); x++) taken[y][x] = 1 };
  for (const element of document.querySelectorAll('body *')) {
    if (!element.checkVisibility({visibilityProperty: true, opacityProperty: true})) continue;
    if (element.matches('img, svg, canvas, input, textarea, button')) mark(element.getBoundingClientRect());
    for (const node of element.childNodes) if (node.nodeType === 3 && node.textContent.trim()) {
      const range = document.createRange(); range.selectNodeContents(node); mark(range.getBoundingClientRect()) } }
  const free = new Array(across).fill(0); let best = 0;
  for (const row of taken) {
    row.forEach((full, x) => free[x] = full ? 0 : free[x] + 1);
    for (let x = 0; x < across; x++) for (let to = x, low = free[x]; to < across && low; low = Math.min(low, free[++to] ?? 0))
      best = Math.max(best, low * (to - x + 1)) }
  return best / across / down }"""
# How far what was already shown moved without a visitor's doing: the browser's cumulative layout shift.
SHIFTS = """() => new Promise(done => { let sum = 0;
  new PerformanceObserver(list => list.getEntries().forEach(one => sum += one.hadRecentInput ? 0 : one.value))
    .observe({type: 'layout-shift', buffered: true});
  setTimeout(() => done(sum), 200) })"""
# Pictures that say nothing: neither by a text of their own nor by words beside them, in the same button or figure.
MUTE = """() => [...document.querySelectorAll('img')].filter(e => e.checkVisibility() && !e.alt.trim() &&
  !e.closest('button, a, figure')?.textContent.trim()).map(e => e.outerHTML.slice(0, 200))"""
# The width of the outline around what has the focus, in pixels; -1 where nothing has it.
OUTLINE = """() => { const at = document.activeElement; if (!at || at === document.body) return -1;
  const drawn = getComputedStyle(at); return drawn.outlineStyle === 'none' ? 0 : parseFloat(drawn.outlineWidth) }"""
MOVING = """() => document.getAnimations().filter(one => one.effect.getComputedTiming().endTime > 50)
  .map(one => [one.animationName || one.transitionProperty, one.effect.target?.className])"""
# Puts the page in a theme; how many transitions that begins.
DRESS = """dark => { document.body.classList.toggle('dark', dark);
  return document.getAnimations().filter(one => one instanceof CSSTransition).length }"""
EXCEPTIONS: dict[str, str] = {}  # rules of axe-core that Gradio's own markup breaks where nothing can mend it: why


def dress(page, theme):
    """See DRESS; waits until it is drawn."""
    began = page.evaluate(DRESS, theme == "dark")
    page.mouse.move(0, 0)
    page.wait_for_timeout(100)
    return began


def axe_finds(page, *rules):
    """What is serious or critical, in words; by these rules alone, or by all."""
    from axe_playwright_python.sync_playwright import Axe

    options = {"resultTypes": ["violations"], **({"runOnly": list(rules)} if rules else {})}
    return [
        f"{found['id']}: {node['target']} {node['html'][:200]}"
        for found in Axe().run(page, options=options).response["violations"]
        if found["impact"] in ("serious", "critical") and found["id"] not in EXCEPTIONS
        for node in found["nodes"]
    ]


def pale(page):
    """Texts whose contrast with their ground is below 4.5 : 1."""
    measured = page.evaluate(CONTRASTS)
    assert len(measured) > 20
    return [(words, round(contrast, 2)) for words, contrast in measured if contrast < 4.5]

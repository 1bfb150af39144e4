"""How the sandbox's page looks: system fonts and colours, light and dark, from a phone's width up."""

STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif;
  --ink: light-dark(#1c2326, #e6eaeb); --faint: light-dark(#5b676c, #a0abb0); --line: light-dark(#d5dcdf, #3a4449);
  --paper: light-dark(#fbfcfc, #14191b); --card: light-dark(#fff, #1d2427); --strong: light-dark(#0b5c6b, #7fd0de);
  --on: light-dark(#fff4e0, #3a2e14); --on-line: light-dark(#c98a1b, #c9973f) }
* { box-sizing: border-box }
body { margin: 0; padding: 1.5rem clamp(1rem, 4vw, 3rem) 3rem; background: var(--paper); color: var(--ink) }
header, main, p[role=status] { max-width: 76rem; margin-inline: auto }
h1 { font-size: 1.6rem; margin: 0 0 .75rem; overflow-wrap: anywhere }
h2 { font-size: 1.15rem; margin: 0 0 .25rem }
p { margin: 0 0 .75rem; color: var(--faint) }
p[role=status] { padding: .6rem .9rem; border: 1px solid var(--on-line); background: var(--on); color: var(--ink) }
p[role=status], .card, table, input, select, button { border-radius: .4rem }
section { margin-top: 2rem }
dl { display: flex; flex-wrap: wrap; gap: .5rem 1.75rem; margin: 0 }
dl div { display: flex; gap: .4rem; flex-direction: row-reverse }
dt { color: var(--faint) } dd { margin: 0; font-weight: 600 }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: .75rem; margin-bottom: 1rem }
.card { display: flex; flex-direction: column; border: 1px solid var(--line); background: var(--card); padding: .75rem }
.card.on { background: var(--on); border-color: var(--on-line) }
.card label { font-weight: 600 } .card p { font-size: .85rem; flex: 1; margin-bottom: .5rem }
.row { display: flex; gap: .5rem } .row input { flex: 1; min-width: 0 }
.wide + form, header + p { margin-top: 1rem }
.fields { display: flex; flex-wrap: wrap; gap: .75rem 1rem; align-items: end }
.fields label { display: grid; gap: .2rem; font-size: .9rem; color: var(--faint) }
.fields label:first-of-type { flex: 1 1 20rem; max-width: 30rem }
.fields .check { display: flex; gap: .4rem; align-items: center; min-height: 2.35rem }
.fields input[type=number] { width: 6rem }
input, select, button { font: inherit; min-height: 2.35rem; padding: .25rem .6rem; border: 1px solid var(--line) }
input, select { background: var(--card); color: var(--ink) } input[type=checkbox] { min-height: 0 }
button { background: var(--strong); border-color: var(--strong); color: var(--paper); font-weight: 600 }
:focus-visible { outline: 3px solid var(--on-line); outline-offset: 2px }
a { color: var(--strong) }
.wide { overflow-x: auto } table { border-collapse: collapse; width: 100%; font-size: .9rem }
th, td { text-align: left; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid var(--line); white-space: nowrap }
th { color: var(--faint); font-weight: 600 } th[scope=row] { width: 10rem } .number { text-align: right }
td code { font-size: .85em; color: var(--faint) }
.badge { background: var(--on); border: 1px solid var(--on-line); border-radius: 1rem; padding: .05rem .5rem }
"""

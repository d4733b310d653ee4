package main

import (
	"fmt"
	"html"
	"strings"
)

// Sizes in the plot, in pixels.
const (
	plotWidth  = 860
	margin     = 24
	barsLeft   = 270 // names stand left of it
	barsRight  = plotWidth - 150
	barHeight  = 16
	barStep    = 24
	titleSpace = 34
	panelSpace = 22 // below a panel
)

// style gives the picture a ground of its own: a page may be dark while the system says light.
const style = `<style>
.ground { fill: #ffffff; stroke: #d0d7de; }
.text { fill: #1f2328; font: 13px system-ui, sans-serif; }
.title { font-weight: 600; font-size: 15px; }
.quiet { fill: #59636e; }
.bar { fill: #afb8c1; }
.ours { fill: #0969da; }
.span { stroke: #1f2328; stroke-width: 1.5; }
@media (prefers-color-scheme: dark) {
.ground { fill: #0d1117; stroke: #3d444d; }
.text { fill: #f0f6fc; }
.quiet { fill: #9198a1; }
.bar { fill: #656c76; }
.ours { fill: #4493f8; }
.span { stroke: #f0f6fc; }
}
</style>
`

// plot draws the rates as an SVG: a panel for each workload, a bar for each server, a line from the lowest round to the highest.
func plot(s suite, results []*result) string {
	var panels strings.Builder
	y := margin
	for _, r := range results {
		y = panel(&panels, s, r, y)
	}
	fmt.Fprintf(&panels, `<text class="text quiet" x="%d" y="%d">requests per second, medians (beside them: of %s best); the lines go from the lowest round to the highest</text>`+"\n",
		margin, y, html.EscapeString(strings.TrimPrefix(s.relative, "of ")))
	height := y + margin
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" role="img">
<title>%s</title>
%s<rect class="ground" x="0.5" y="0.5" width="%d" height="%d" rx="6"/>
%s</svg>
`, plotWidth, height, html.EscapeString(s.alt), style, plotWidth-1, height-1, panels.String())
}

// panel draws a workload from y on, and returns where the next one begins.
func panel(svg *strings.Builder, s suite, r *result, y int) int {
	fmt.Fprintf(svg, `<text class="text title" x="%d" y="%d">%s</text>`+"\n", margin, y+14, html.EscapeString(r.name))
	y += titleSpace
	scale, base := r.scale(), r.best(s.base)
	for _, p := range r.peers {
		if len(p.samples) == 0 || p.void != nil {
			continue
		}
		p.bar(svg, base, scale, y)
		y += barStep
	}
	return y + panelSpace
}

// scale is how many pixels a request per second is long.
func (r *result) scale() float64 {
	most := 1.0
	for _, p := range r.peers {
		if len(p.samples) > 0 {
			_, high := p.span(rateOf)
			most = max(most, high)
		}
	}
	return (barsRight - barsLeft) / most
}

func (p *peer) bar(svg *strings.Builder, base *peer, scale float64, y int) {
	class := "bar"
	if p.family == "gatewayd" {
		class = "ours"
	}
	middle := y + barHeight/2
	low, high := p.span(rateOf)
	fmt.Fprintf(svg, `<text class="text" x="%d" y="%d" text-anchor="end">%s</text>`+"\n", barsLeft-10, middle+5, html.EscapeString(p.name))
	fmt.Fprintf(svg, `<rect class="%s" x="%d" y="%d" width="%.1f" height="%d" rx="2"/>`+"\n", class, barsLeft, y, p.median(rateOf)*scale, barHeight)
	fmt.Fprintf(svg, `<line class="span" x1="%.1f" y1="%d" x2="%.1f" y2="%[2]d"/>`+"\n", barsLeft+low*scale, middle, barsLeft+high*scale)
	label := thousands(p.median(rateOf))
	if base != nil {
		label += fmt.Sprintf(" (%.2f)", ratio(p, base, rateOf))
	}
	fmt.Fprintf(svg, `<text class="text quiet" x="%d" y="%d">%s</text>`+"\n", barsRight+10, middle+5, label)
}

// thousands is v with a space after the thousands, as ISO 31-0 has it.
func thousands(v float64) string {
	n := int(v + 0.5)
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d\u202f%03d", n/1000, n%1000)
}

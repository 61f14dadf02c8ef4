"use strict";
(function () {
  var root = document.documentElement;

  // Storage may be forbidden, as in a sandboxed frame.
  function stored(value) {
    try {
      if (value === undefined) return localStorage.getItem("pkgverify-theme") || "";
      localStorage.setItem("pkgverify-theme", value);
    } catch (e) { /* the choice lasts as long as the page */ }
    return "";
  }
  var theme = document.getElementById("theme");
  var themes = theme.querySelector("select");
  function dress(value) {
    if (value === "light" || value === "dark") root.dataset.theme = value;
    else delete root.dataset.theme;
  }
  themes.value = stored();
  dress(themes.value);
  themes.addEventListener("change", function () { dress(themes.value); stored(themes.value); });
  theme.hidden = false;

  var form = document.getElementById("filter");
  var keys = ["q", "s", "t", "c", "p", "a"];
  var sections = [];
  var total = 0;
  // The findings are looked up when the first filter asks for them, and their
  // texts when the first word does.
  function index() {
    if (sections.length) return;
    document.querySelectorAll(".sec").forEach(function (sec) {
      var s = { node: sec, status: sec.dataset.s, groups: [] };
      sec.querySelectorAll(".group").forEach(function (group) {
        var g = { node: group, causes: [] };
        for (var cause = group.firstElementChild; cause; cause = cause.nextElementSibling) {
          if (cause.localName !== "details") continue;
          var c = { node: cause, text: "", places: [] };
          var list = cause.lastElementChild.lastElementChild.children;
          for (var i = 0; i < list.length; i++) {
            c.places.push({ node: list[i], data: list[i].dataset, text: "" });
          }
          total += list.length;
          g.causes.push(c);
        }
        s.groups.push(g);
      });
      sections.push(s);
    });
  }
  function textOf(p) {
    return p.text || (p.text = p.node.textContent.toLowerCase());
  }
  // What a cause says beside its places.
  function headOf(c) {
    return c.text || (c.text = (c.node.firstElementChild.textContent + "\n" +
      c.node.lastElementChild.firstElementChild.textContent).toLowerCase());
  }
  function show(node, yes) {
    if (node.hidden === yes) node.hidden = !yes;
    return yes;
  }
  function read() {
    var f = {};
    keys.forEach(function (k) { f[k] = form.elements[k].value; });
    return f;
  }
  function encode(f) {
    return "#?" + keys.filter(function (k) { return f[k]; }).map(function (k) {
      return k + "=" + encodeURIComponent(f[k]);
    }).join("&");
  }
  function apply(f) {
    index();
    var words = f.q.toLowerCase().split(/\s+/).filter(Boolean);
    var n = 0;
    sections.forEach(function (s) {
      var anyGroup = false;
      s.groups.forEach(function (g) {
        var anyCause = false;
        g.causes.forEach(function (c) {
          var any = false;
          c.places.forEach(function (p) {
            var d = p.data;
            var yes = (!f.s || f.s === s.status) && (!f.t || f.t === d.t) && (!f.c || f.c === d.c) &&
              (!f.p || f.p === d.p) && (!f.a || f.a === d.a) &&
              words.every(function (w) { return textOf(p).indexOf(w) >= 0 || headOf(c).indexOf(w) >= 0; });
            if (show(p.node, yes)) { any = true; n++; }
          });
          if (show(c.node, any)) anyCause = true;
        });
        if (show(g.node, anyCause)) anyGroup = true;
      });
      show(s.node, anyGroup);
    });
    form.querySelector("output").textContent =
      n === total ? "All " + total + " findings" : n + " of " + total + " findings";
    form.querySelector("#share").href = encode(f);
  }
  // One change of the address for each filter: a browser may refuse many.
  function remember(f) {
    try { history.replaceState(null, "", encode(f)); } catch (e) { /* in a frame without an address */ }
  }
  function restore(text) {
    var params = new URLSearchParams(text);
    keys.forEach(function (k) {
      var e = form.elements[k];
      e.value = params.get(k) || "";
      if (e.selectedIndex === -1) e.value = ""; // a value that this report does not have
    });
    apply(read());
  }
  function follow() {
    var hash = location.hash;
    if (hash.indexOf("#?") === 0) {
      if (form) restore(hash.slice(2));
      return;
    }
    var node = hash.length > 1 && document.getElementById(decode(hash.slice(1)));
    if (!node) return;
    if (form && node.closest("[hidden]")) { form.reset(); apply(read()); }
    for (var d = node.closest("details"); d; d = d.parentElement.closest("details")) d.open = true;
    if (node.matches(".places > li")) {
      node.tabIndex = -1;
      node.focus({ preventScroll: true });
    }
    node.scrollIntoView({ block: node.matches("li") ? "center" : "start" });
  }
  function decode(text) {
    try { return decodeURIComponent(text); } catch (e) { return text; }
  }
  if (form) {
    var timer = 0;
    form.addEventListener("input", function () {
      clearTimeout(timer);
      timer = setTimeout(function () { var f = read(); apply(f); remember(f); }, 80);
    });
    form.addEventListener("submit", function (e) { e.preventDefault(); });
    form.addEventListener("reset", function () {
      setTimeout(function () { var f = read(); apply(f); remember(f); }, 0);
    });
    var unfold = form.querySelector("#unfold");
    unfold.addEventListener("click", function () {
      var open = unfold.textContent === "Open all";
      document.querySelectorAll(".sec .cause").forEach(function (c) { c.open = open; });
      unfold.textContent = open ? "Close all" : "Open all";
    });
    form.hidden = false;
  }
  window.addEventListener("hashchange", follow);
  follow();
})();

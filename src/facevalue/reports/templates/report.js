"use strict";
(function () {
  // Only conveniences: the report is complete, its layers switch and its moments open, without this script.
  var root = document.documentElement;
  root.classList.add("js");
  var slider = document.getElementById("opacity");
  if (slider) {
    slider.addEventListener("input", function () {
      root.style.setProperty("--heat-opacity", String(Number(slider.value) / 100));
    });
  }
  // A comparison: the slider uncovers the original from the left.
  Array.prototype.forEach.call(document.querySelectorAll("input.seen"), function (seen) {
    var viewer = seen.closest(".viewer");
    seen.addEventListener("input", function () {
      viewer.querySelector(".canvas").style.setProperty("--seen", seen.value + "%");
      viewer.querySelector("input[id^=b]").checked = true;
    });
  });
  window.addEventListener("beforeprint", function () {
    var zoom = document.getElementById("zoom");
    if (zoom) { zoom.checked = false; }
  });
  // A click anywhere on a row of the time line opens the moment that is nearest to it.
  var moments = Array.prototype.slice.call(document.querySelectorAll("input.at"));
  var rows = document.querySelector(".clip .rows");
  if (rows && moments.length) {
    rows.addEventListener("click", function (event) {
      var plane = event.target.closest(".plane");
      if (!plane || event.target.closest("label")) { return; }
      var box = plane.getBoundingClientRect();
      var left = 100 * (event.clientX - box.left) / box.width;
      var of = event.target.closest("[data-of=sound]") ? "sound" : "picture";
      var own = moments.filter(function (m) { return m.dataset.of === of; });
      (own.length ? own : moments).reduce(function (best, moment) {
        var gap = function (m) { return Math.abs(Number(m.dataset.left) - left); };
        return gap(moment) < gap(best) ? moment : best;
      }).checked = true;
    });
  }
})();

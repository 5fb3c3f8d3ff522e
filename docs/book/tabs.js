"use strict";

// Makes tabs of the blocks of each `.tabs`. The chosen language holds for all of them, and is remembered.
(() => {
    const KEY = "lazai-language";
    const groups = [];

    const choose = (language) => {
        for (const group of groups) {
            if (!group.some(({ tab }) => tab.textContent === language)) continue;
            for (const { tab, panel } of group) {
                const chosen = tab.textContent === language;
                tab.ariaSelected = String(chosen);
                tab.tabIndex = chosen ? 0 : -1;
                panel.hidden = !chosen;
            }
        }
    };

    const take = (tab) => {
        const top = tab.getBoundingClientRect().top;
        choose(tab.textContent);
        tab.focus();
        // Other tabs above may have become longer or shorter.
        scrollBy({ top: tab.getBoundingClientRect().top - top, behavior: "instant" });
        try {
            localStorage.setItem(KEY, tab.textContent);
        } catch {
            // It is remembered where the browser lets pages remember.
        }
    };

    // Parts of programs are shown as far to the left as they go.
    for (const code of document.querySelectorAll(".tab code")) {
        const lines = code.textContent.split("\n").filter((line) => line.trim());
        const indent = Math.min(...lines.map((line) => line.search(/\S/)));
        if (indent > 0 && indent < Infinity) code.innerHTML = code.innerHTML.replace(new RegExp(`^ {${indent}}`, "gm"), "");
    }

    document.querySelectorAll(".tabs").forEach((tabs, number) => {
        const list = document.createElement("div");
        list.role = "tablist";
        list.ariaLabel = "Language";
        const group = [...tabs.querySelectorAll(".tab")].map((panel, at) => {
            const tab = document.createElement("button");
            tab.type = "button";
            tab.role = "tab";
            tab.textContent = panel.dataset.language;
            tab.id = `tab-${number}-${at}`;
            panel.id = `panel-${number}-${at}`;
            panel.role = "tabpanel";
            tab.setAttribute("aria-controls", panel.id);
            panel.setAttribute("aria-labelledby", tab.id);
            tab.addEventListener("click", () => take(tab));
            list.append(tab);
            return { tab, panel };
        });
        list.addEventListener("keydown", (event) => {
            if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return; // the browser's own
            const at = group.findIndex(({ tab }) => tab === document.activeElement);
            const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: group.length - 1 }[event.key];
            if (to === undefined) return;
            event.preventDefault();
            event.stopPropagation(); // mdBook turns pages with arrows
            take(group.at(to % group.length).tab);
        });
        tabs.prepend(list);
        groups.push(group);
        choose(group[0].tab.textContent);
    });
    try {
        choose(localStorage.getItem(KEY));
    } catch {
        // The first language of each stays.
    }
})();

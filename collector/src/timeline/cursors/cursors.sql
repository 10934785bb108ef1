SELECT name, argMax(cursors.position, cursors.at_us) AS position, max(cursors.at_us) AS at_us
FROM cursors
WHERE startsWith(name, {prefix:String})
GROUP BY name

<?php
// The front controller: it answers for every path below the route that names no file.
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
$base = rtrim(dirname($_SERVER['SCRIPT_NAME']), '/');
$page = substr($path, strlen($base));
if ($page !== '/' && $page !== '/index.php') {
    http_response_code(404);
}
?>
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>PHP</title>
<link rel="stylesheet" href="<?= htmlspecialchars($base) ?>/style.css">
<h1><?= http_response_code() === 404 ? 'No such page' : 'It works' ?></h1>
<p>PHP <?= PHP_VERSION ?> (<?= PHP_SAPI ?>) answers for <code><?= htmlspecialchars($page) ?></code>.
<p><a href="<?= htmlspecialchars($base) ?>/hello.php?name=Ada">A page with a name of its own</a>
</html>
